//! The baseline: httparse, a table of paths, and sendfile, on one thread of tokio.
//!
//! It has no limits, no conditions and no ranges: what is above it is the price of being a server.

use std::{
    collections::HashMap, future::poll_fn, net::SocketAddr, path::Path, pin::Pin, sync::Arc,
};

use tokio::{io::AsyncReadExt, runtime::Builder};
use weir_hal::{Access, Connection, Disk as _, File, Listener, Network as _, linux};
use weir_tests::bench::{
    Outcome,
    machine::{Server, free_address},
};

use crate::{SIZES, load::Objects};

/// Starts this program as a server.
pub(crate) fn start(own: &Path) -> Outcome<Server> {
    let address = free_address()?;
    let this = std::env::current_exe()?.display().to_string();
    let (file, port) = (own.join("file").display().to_string(), address.to_string());
    Server::start("bare", address, own, &[&this, "bare", &file, &port])
}

/// Where the body of each path lies, and the header fields before it.
type Table = HashMap<String, (u64, usize, String)>;

/// Serves all objects out of one file.
pub(crate) fn child(arguments: &[String]) -> Outcome {
    let [file, address] = arguments else {
        return Err("FILE ADDRESS".into());
    };
    let file = linux::Disk::new().open(Path::new(file), Access::Create)?;
    let mut table = Table::new();
    let mut offset = 0;
    for (size, bytes, count) in SIZES {
        for number in 0..count {
            file.write_at(&vec![7; bytes], offset)?;
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: video/mp2t\r\n\
                 cache-control: public, max-age=3600, immutable\r\netag: \"{size}-{number}\"\r\n\
                 accept-ranges: bytes\r\nx-cache: HIT from bare\r\ncontent-length: {bytes}\r\n\
                 date: Sat, 21 Nov 2026 00:00:00 GMT\r\n\r\n"
            );
            let path = Objects { size, bytes, count }.path(number);
            table.insert(path, (offset, bytes, head));
            offset += (bytes as u64).next_multiple_of(4096);
        }
    }
    let address: SocketAddr = address.parse()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut listener: Box<dyn Listener> = linux::Network::new().listen(address)?;
        let table = Arc::new(table);
        loop {
            let accepted = poll_fn(|context| listener.poll_accept(context)).await;
            let (io, _) = accepted?;
            tokio::spawn(serve(io, Arc::clone(&file), Arc::clone(&table)));
        }
    })
}

async fn serve(mut io: Box<dyn Connection>, file: Arc<dyn File>, table: Arc<Table>) -> Option<()> {
    let mut buffer = vec![0; 8 << 10];
    let mut filled = 0;
    loop {
        let count = io.read(buffer.get_mut(filled..)?).await.ok()?;
        if count == 0 {
            return None;
        }
        filled += count;
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut fields);
        let parsed = request.parse(buffer.get(..filled)?).ok()?;
        if parsed.is_partial() {
            continue;
        }
        let (offset, bytes, head) = table.get(request.path?)?;
        filled = 0;
        send(&mut *io, &*file, (*offset, *bytes), head.as_bytes()).await?;
    }
}

async fn send(
    io: &mut dyn Connection,
    file: &dyn File,
    (offset, bytes): (u64, usize),
    head: &[u8],
) -> Option<()> {
    let mut sent = 0;
    while sent < head.len() {
        let rest = [std::io::IoSlice::new(head.get(sent..)?)];
        let more = poll_fn(|context| Pin::new(&mut *io).poll_write_more(context, &rest));
        sent += more.await.ok()?;
    }
    let mut sent = 0;
    while sent < bytes {
        let more = poll_fn(|context| {
            let at = offset + sent as u64;
            Pin::new(&mut *io).poll_send_file(context, file, at, bytes - sent)
        });
        sent += more.await.ok()?;
    }
    Some(())
}
