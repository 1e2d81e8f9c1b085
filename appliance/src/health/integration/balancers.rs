//! Examples for those who spread players over several boxes.

use super::HEAD;

/// `haproxy/haproxy.example.cfg`.
pub(super) fn haproxy() -> String {
    format!("{HEAD}{HAPROXY}")
}

/// `keepalived/keepalived.example.conf`.
pub(super) fn keepalived() -> String {
    let servers = ["192.0.2.1", "192.0.2.2"].map(real_server).concat();
    format!("{HEAD}{VIRTUAL_SERVER}{servers}}}\n")
}

const HAPROXY: &str = "\
# A box is taken in while it is ready, by the share of its channels that is on air:
# `management.agent_check` of the box must listen on the port that `agent-port` names.
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    option redispatch
    retry-on conn-failure empty-response 503

frontend players
    bind :8000
    default_backend edges

backend edges
    balance uri
    hash-type consistent
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host edge
    http-check expect status 200
    default-server check inter 1s fall 2 rise 2 agent-check agent-port 9777 agent-inter 1s
    server edge-1 192.0.2.1:80
    server edge-2 192.0.2.2:80
";

const VIRTUAL_SERVER: &str = "\
# One address before two boxes, each of which hears of the other's end by itself.
virtual_server 192.0.2.10 80 {
    delay_loop 2
    lb_algo sh
    lb_kind DR
    protocol TCP

";

fn real_server(address: &str) -> String {
    format!(
        "\
    real_server {address} 80 {{
        weight 100
        HTTP_GET {{
            url {{
                path /readyz
                status_code 200
            }}
            connect_timeout 2
            retry 2
            delay_before_retry 1
        }}
    }}
"
    )
}
