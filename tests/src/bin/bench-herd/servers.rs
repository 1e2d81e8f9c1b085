//! The servers, each told that many may come at once.

use std::{net::SocketAddr, path::Path};

use weir_tests::{
    bench::{
        Outcome,
        machine::{self, Server, free_address, write},
        peers,
    },
    process::weir_binary,
};

pub(crate) const NAMES: [&str; 3] = ["weir", "nginx", "varnish"];

/// A thread for each client, as Varnish streams; they are there before anybody asks.
const THREADS: [&str; 3] = [
    "thread_pool_max=6000",
    "thread_pool_min=5500",
    "thread_queue_limit=20000",
];

/// Starts those that are named.
pub(crate) fn start(
    names: &[String],
    directory: &Path,
    origin: SocketAddr,
) -> Outcome<Vec<Server>> {
    let mut servers = Vec::new();
    for name in names {
        let own = directory.join(name);
        machine::make_directory(&own)?;
        let server = match name.as_str() {
            "weir" => weir(&own, origin),
            // A descriptor for each answer would be more than many systems allow.
            "nginx" => peers::nginx(name, &own, origin, peers::OPEN_FILES),
            "varnish" => peers::varnish_with(&own, origin, &THREADS),
            other => return Err(format!("there is no server {other}").into()),
        };
        servers.push(server?.answering()?);
    }
    Ok(servers)
}

fn weir(own: &Path, origin: SocketAddr) -> Outcome<Server> {
    let (address, management) = (free_address()?, free_address()?);
    let text = format!(
        "[http]\nlisten = [\"{address}\"]\nthreads = 1\n\
         [management]\nlisten = \"{management}\"\n\
         [cache]\npath = \"{}\"\nsize = \"1GiB\"\nscrub = \"0B\"\n\
         [[origin]]\nname = \"origin\"\nurls = [\"http://{origin}\"]\n\
         [[route]]\npath = \"/\"\norigin = [\"origin\"]\n",
        own.join("cache").display()
    );
    let file = own.join("weir.toml");
    write(&file, &text)?;
    let (binary, file) = (weir_binary(), file.display().to_string());
    let binary = binary.display().to_string();
    Server::start("weir", address, own, &[&binary, "run", "--config", &file])
}
