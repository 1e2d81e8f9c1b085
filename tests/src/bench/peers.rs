//! The others, each set up as its manual advises for this load.

use std::{net::SocketAddr, path::Path};

use super::{
    Outcome,
    machine::{Server, free_address, make_directory, write},
};

/// What nginx can do beyond the settings that Debian gives it: it keeps files open, and does not
/// see for a while that another process has changed them.
pub const OPEN_FILES: &str =
    "open_file_cache max=10000 inactive=600s;\nopen_file_cache_valid 600s;\n";

/// nginx with `proxy_cache` and sendfile, and `more` in its block `http`.
///
/// # Errors
/// When it cannot be started.
pub fn nginx(name: &str, own: &Path, origin: SocketAddr, more: &str) -> Outcome<Server> {
    let address = free_address()?;
    let here = own.display();
    let text = format!(
        "user root;\ndaemon off;\nworker_processes 1;\npid {here}/pid;\n\
         error_log {here}/error.log;\nevents {{ worker_connections 16384; }}\n\
         http {{\naccess_log off;\nsendfile on;\ntcp_nopush on;\ntcp_nodelay on;\n\
         keepalive_timeout 600s;\nkeepalive_requests 1000000000;\nserver_tokens off;\n\
         {more}\
         proxy_temp_path {here}/temp;\nclient_body_temp_path {here}/body;\n\
         proxy_cache_path {here}/cache levels=1:2 keys_zone=a:64m max_size=4g inactive=1d \
         use_temp_path=off;\n\
         server {{ listen {address} backlog=4096; location / {{ proxy_cache a;\n\
         proxy_cache_lock on; proxy_pass http://{origin}; proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\";\n\
         add_header X-Cache $upstream_cache_status;\n}} }}\n}}\n"
    );
    let file = own.join("nginx.conf");
    write(&file, &text)?;
    let (here, file) = (own.display().to_string(), file.display().to_string());
    let log = own.join("error.log").display().to_string();
    let command = ["nginx", "-p", &here, "-e", &log, "-c", &file];
    Server::start(name, address, own, &command)
}

/// Varnish with all objects in memory.
///
/// # Errors
/// When it cannot be started.
pub fn varnish(own: &Path, origin: SocketAddr) -> Outcome<Server> {
    varnish_with(own, origin, &[])
}

/// The same with more parameters.
///
/// # Errors
/// When it cannot be started.
pub fn varnish_with(own: &Path, origin: SocketAddr, parameters: &[&str]) -> Outcome<Server> {
    let address = free_address()?;
    let work = own.join("work");
    make_directory(&work)?;
    let (address_text, work) = (address.to_string(), work.display().to_string());
    let origin = origin.to_string();
    let own_parameters = [
        "timeout_idle=600",
        "thread_pool_max=5000",
        "workspace_client=64k",
    ];
    let parameters = own_parameters.iter().chain(parameters);
    let parameters = parameters.flat_map(|parameter| ["-p", parameter]);
    let command = [
        "varnishd",
        "-F",
        "-n",
        &work,
        "-a",
        &address_text,
        "-b",
        &origin,
        "-s",
        "malloc,1G",
        "-t",
        "3600",
        "-j",
        "none",
    ];
    let command: Vec<&str> = command.into_iter().chain(parameters).collect();
    Server::start("varnish", address, own, &command)
}

/// Without it Traffic Server answers nobody.
const ALLOWED: &str = "ip_allow:\n- apply: in\n  ip_addrs: 0/0\n  action: allow\n  methods: ALL\n";

/// Traffic Server with one thread for events and all objects in its memory.
///
/// # Errors
/// When it cannot be started.
pub fn traffic_server(own: &Path, origin: SocketAddr) -> Outcome<Server> {
    let address = free_address()?;
    let directories = ["etc", "cache", "log", "run"].map(|name| own.join(name));
    for directory in &directories {
        make_directory(directory)?;
    }
    let [etc, cache, log, run] = directories.map(|path| path.display().to_string());
    let layout = format!(
        "prefix: /usr\nexec_prefix: /usr\nbindir: /usr/bin\nsbindir: /usr/sbin\n\
         sysconfdir: {etc}\ndatadir: /usr/share/trafficserver\nincludedir: /usr/include\n\
         libdir: /usr/lib/trafficserver\nlibexecdir: /usr/lib/trafficserver/modules\n\
         localstatedir: {run}\nruntimedir: {run}\nlogdir: {log}\ncachedir: {cache}\n"
    );
    let records = format!(
        "CONFIG proxy.config.http.server_ports STRING {port}:ip-in=127.0.0.1\n\
         CONFIG proxy.config.exec_thread.autoconfig INT 0\n\
         CONFIG proxy.config.exec_thread.limit INT 1\n\
         CONFIG proxy.config.accept_threads INT 0\n\
         CONFIG proxy.config.task_threads INT 1\n\
         CONFIG proxy.config.cache.ram_cache.size INT 1073741824\n\
         CONFIG proxy.config.cache.ram_cache_cutoff INT 33554432\n\
         CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT 600\n\
         CONFIG proxy.config.net.default_inactivity_timeout INT 600\n\
         CONFIG proxy.config.http.wait_for_cache INT 2\n\
         CONFIG proxy.config.log.logging_enabled INT 0\n\
         CONFIG proxy.config.admin.user_id STRING #-1\n\
         CONFIG proxy.config.proxy_name STRING bench\n\
         CONFIG proxy.config.url_remap.remap_required INT 1\n",
        port = address.port()
    );
    for (name, text) in [
        ("runroot.yaml", layout),
        ("records.config", records),
        ("remap.config", format!("map / http://{origin}/\n")),
        ("storage.config", format!("{cache} 512M\n")),
        ("ip_allow.yaml", ALLOWED.to_owned()),
    ] {
        write(&Path::new(&etc).join(name), &text)?;
    }
    let run_root = format!("--run-root={etc}/runroot.yaml");
    Server::start("ats", address, own, &["traffic_server", &run_root])
}
