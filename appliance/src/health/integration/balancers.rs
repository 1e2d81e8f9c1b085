//! Examples for those who spread players over several boxes.

use super::HEAD;

/// `haproxy/haproxy.example.cfg`.
pub(super) fn haproxy() -> String {
    format!(
        "{HEAD}# A box is taken in while it is ready, by the share of its channels that is on air:\n\
         # `management.agent_check` of the box must listen on the port that `agent-port` names.\n\
         defaults\n    mode http\n    timeout connect 2s\n    timeout client 60s\n    \
         timeout server 60s\n    option redispatch\n    retry-on conn-failure empty-response 503\n\n\
         frontend players\n    bind :8000\n    default_backend edges\n\n\
         backend edges\n    balance uri\n    hash-type consistent\n    option httpchk\n    \
         http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host edge\n    \
         http-check expect status 200\n    \
         default-server check inter 1s fall 2 rise 2 agent-check agent-port 9777 agent-inter 1s \
         weight 100\n    \
         server edge-1 192.0.2.1:80\n    server edge-2 192.0.2.2:80\n"
    )
}

/// `keepalived/keepalived.example.conf`.
pub(super) fn keepalived() -> String {
    format!(
        "{HEAD}# One address before two boxes, each of which hears of the other's end by itself.\n\
         virtual_server 192.0.2.10 80 {{\n    delay_loop 2\n    lb_algo sh\n    lb_kind DR\n    \
         protocol TCP\n\n{}{}}}\n",
        real_server("192.0.2.1"),
        real_server("192.0.2.2")
    )
}

fn real_server(address: &str) -> String {
    format!(
        "    real_server {address} 80 {{\n        weight 100\n        HTTP_GET {{\n            \
         url {{\n                path /readyz\n                status_code 200\n            }}\n            \
         connect_timeout 2\n            retry 2\n            delay_before_retry 1\n        }}\n    }}\n"
    )
}
