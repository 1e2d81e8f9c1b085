//! What a connection costs that has asked once and waits.

use std::time::Duration;

use tokio::{io::AsyncWriteExt, net::TcpStream, runtime::Builder, time::sleep};
use weir_tests::bench::{Outcome, machine::Server};

use crate::{
    SIZES,
    load::{Objects, Tally, request, take_answer},
};

/// How long connections are left alone before memory is read.
const SETTLE: Duration = Duration::from_secs(3);

/// Prints the memory that `count` more connections take.
pub(crate) fn measure(server: &Server, count: usize) -> Outcome {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // What the first connections bring with them is not of those that follow.
        let _first = connect(server, SIZES[0].2).await?;
        sleep(SETTLE).await;
        let before = server.memory_bytes();
        let connections = connect(server, count).await?;
        sleep(SETTLE).await;
        let after = server.memory_bytes();
        drop(connections);
        let each = after.saturating_sub(before) / (count as u64).max(1);
        println!(
            "  {:<8} {each:>6} bytes for each of {count} idle connections",
            server.name
        );
        Ok(())
    })
}

async fn connect(server: &Server, count: usize) -> Outcome<Vec<TcpStream>> {
    let (size, bytes, count_of_size) = SIZES[0];
    let objects = Objects {
        size,
        bytes,
        count: count_of_size,
    };
    let mut connections = Vec::with_capacity(count);
    let mut buffer = vec![0; 64 << 10];
    for number in 0..count {
        let mut stream = TcpStream::connect(server.address).await?;
        let path = format!("{}{}", server.prefix, objects.path(number));
        let text = request(&path, server.address, "");
        stream.write_all(text.as_bytes()).await?;
        take_answer(&mut stream, &mut buffer, bytes, &Tally::default()).await?;
        connections.push(stream);
    }
    Ok(connections)
}
