//! Weir with a store that was filled before it starts.

use std::{net::SocketAddr, path::Path, sync::Arc};

use bytes::Bytes;
use weir_cache::{Class, Config, Key, Store};
use weir_hal::linux;
use weir_tests::{
    bench::{
        Outcome,
        machine::{Server, free_address, write},
    },
    process::weir_binary,
};

use crate::{SIZES, load::Objects};

const CACHE_BYTES: u64 = 1 << 30;

/// What paths begin with that are pulled.
const PULLED: &str = "/pulled";

/// Starts `weir run` on a channel that nobody sends, all of whose segments are in the store.
pub(crate) fn start(own: &Path, origin: SocketAddr) -> Outcome<Server> {
    let cache = own.join("cache");
    fill(&cache)?;
    let (address, management) = (free_address()?, free_address()?);
    let renditions = SIZES.map(|(size, ..)| {
        format!(
            "[[channel.rendition]]\nname = \"{size}\"\ninterface = \"lo\"\n\
             sources = [\"udp://239.255.77.77:7777\"]\n"
        )
    });
    let text = format!(
        "[http]\nlisten = [\"{address}\"]\nthreads = 1\n\
         [management]\nlisten = \"{management}\"\n\
         [[origin]]\nname = \"o\"\nurls = [\"http://{origin}\"]\n\
         [[route]]\npath = \"{PULLED}/\"\norigin = [\"o\"]\n\
         [cache]\npath = \"{}\"\nsize = \"1GiB\"\nscrub = \"0B\"\n[[channel]]\nid = \"bench\"\n{}",
        cache.display(),
        renditions.concat()
    );
    let file = own.join("weir.toml");
    write(&file, &text)?;
    let (binary, file) = (weir_binary(), file.display().to_string());
    let binary = binary.display().to_string();
    Server::start("weir", address, own, &[&binary, "run", "--config", &file])
}

/// The same, asked for what it pulls from `origin`.
pub(crate) fn start_pulling(own: &Path, origin: SocketAddr) -> Outcome<Server> {
    let mut server = start(own, origin)?;
    "weir-pull".clone_into(&mut server.name);
    server.prefix = PULLED;
    Ok(server)
}

fn fill(cache: &Path) -> Outcome {
    let config = Config {
        path: cache.to_owned(),
        bytes_max: CACHE_BYTES,
        memory_bytes_max: 64 << 20,
        ..Config::default()
    };
    let (disk, clock) = (linux::Disk::new(), linux::Clock::new());
    let store = Store::open(Arc::new(disk), Arc::new(clock), &config)?;
    for (size, bytes, count) in SIZES {
        let objects = Objects { size, bytes, count };
        for number in 0..count {
            let key = Key::new(&objects.path(number)).ok_or("a short path")?;
            let etag = Bytes::from(format!("\"{size}-{number}\""));
            let mut writer = store.begin(&key, Class::Live, etag)?;
            let whole = Bytes::from(vec![7; bytes]);
            for start in (0..bytes).step_by(64 << 10) {
                writer.append(whole.slice(start..bytes.min(start + (64 << 10))))?;
            }
            writer.commit()?;
            if !store.flush(std::time::Duration::from_mins(1)) {
                return Err("the disk does not take what is written".into());
            }
        }
    }
    Ok(())
}
