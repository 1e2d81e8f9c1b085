//! Where the others get their objects from: any path that names a size.

use std::{io, net::SocketAddr, thread};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
};
use weir_tests::bench::{Outcome, machine};

use crate::SIZES;

/// Starts it on a thread, for as long as this process lives.
pub(crate) fn start() -> Outcome<SocketAddr> {
    let address = machine::free_address()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind(address))?;
    thread::spawn(move || {
        runtime.block_on(async {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream));
            }
        });
    });
    Ok(address)
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    let mut filled = 0;
    loop {
        let count = stream
            .read(buffer.get_mut(filled..).unwrap_or_default())
            .await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let head = buffer.get(..filled).unwrap_or_default();
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        let bytes = size_of(&String::from_utf8_lossy(head));
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nContent-Length: {bytes}\r\n\
             Cache-Control: public, max-age=3600\r\nETag: \"bench-{bytes}\"\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&vec![7; bytes]).await?;
        filled = 0;
    }
}

fn size_of(request: &str) -> usize {
    let named = |(name, ..): &&(&str, usize, usize)| request.contains(&format!("_{name}/"));
    SIZES.iter().find(named).map_or(0, |(_, bytes, _)| *bytes)
}
