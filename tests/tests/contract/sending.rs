//! Claims on [`weir_hal::Connection`]: files on their way to a peer.

use std::{
    future::poll_fn,
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use weir_hal::{Access, Connection, File};

use crate::{
    network::{LOOPBACK, accept, listen, run},
    side::Side,
};

/// More than any pair of sockets holds.
const FILE_BYTES: usize = 24 << 20;

crate::claims! {
    a_file_goes_out_as_it_is,
    only_what_was_asked_for_goes_out,
    sending_waits_for_the_peer,
    what_goes_before_a_file_comes_before_it,
    a_file_that_ends_early_is_told,
    what_is_under_way_outlives_a_write_to_a_detached_range,
    a_detached_range_takes_writes,
}

/// A connection of the machine and its peer, and a file to send.
struct Rig {
    server: Box<dyn Connection>,
    client: Box<dyn Connection>,
    file: Arc<dyn File>,
    content: Vec<u8>,
    _directory: TempDir,
}

impl Rig {
    async fn on(side: &impl Side, bytes: usize) -> Self {
        let mut listener = listen(side, LOOPBACK);
        let client = side.connect(listener.local_address()).await.unwrap();
        let (server, _) = accept(&mut *listener).await;
        let directory = TempDir::new().unwrap();
        let disk = &side.board().disk;
        disk.create_directory(directory.path()).unwrap();
        let path = directory.path().join("file");
        let file = disk.open(&path, Access::Create).unwrap();
        // No two neighbouring pages are the same.
        let content: Vec<u8> = (0..bytes)
            .map(|at| u8::try_from(at / 4_093 % 251).unwrap())
            .collect();
        file.write_at(&content, 0).unwrap();
        Self {
            server,
            client,
            file,
            content,
            _directory: directory,
        }
    }

    async fn send(&mut self, offset: u64, bytes: usize) -> io::Result<usize> {
        let Self { server, file, .. } = self;
        let send = poll_fn(|context| {
            Pin::new(&mut **server).poll_send_file(context, &**file, offset, bytes)
        });
        send.await
    }

    /// Sends from `offset` on until the peer has to read before more goes.
    async fn fill(&mut self, mut offset: u64) -> u64 {
        loop {
            let Self { server, file, .. } = self;
            let sent = poll_fn(|context| {
                let server = Pin::new(&mut **server);
                Poll::Ready(server.poll_send_file(context, &**file, offset, FILE_BYTES))
            });
            match sent.await {
                Poll::Ready(sent) => offset += sent.unwrap() as u64,
                Poll::Pending => return offset,
            }
        }
    }
}

fn a_file_goes_out_as_it_is(side: &impl Side) {
    run(async {
        let mut rig = Rig::on(side, FILE_BYTES).await;
        let Rig {
            server,
            client,
            file,
            content,
            ..
        } = &mut rig;
        let send = async {
            let mut offset = 0;
            while offset < FILE_BYTES {
                let sent = poll_fn(|context| {
                    let server = Pin::new(&mut **server);
                    server.poll_send_file(context, &**file, offset as u64, FILE_BYTES - offset)
                });
                offset += sent.await.unwrap();
            }
        };
        let mut received = vec![0; FILE_BYTES];
        let ((), outcome) = tokio::join!(send, client.read_exact(&mut received));
        outcome.unwrap();
        assert!(received == *content);
    });
}

fn only_what_was_asked_for_goes_out(side: &impl Side) {
    run(async {
        let mut rig = Rig::on(side, 50_000).await;
        assert_eq!(rig.send(12_000, 5_000).await.unwrap(), 5_000);
        rig.server.shutdown().await.unwrap();
        let mut received = Vec::new();
        rig.client.read_to_end(&mut received).await.unwrap();
        assert!(received == rig.content[12_000..17_000]);
    });
}

fn sending_waits_for_the_peer(side: &impl Side) {
    run(async {
        let mut rig = Rig::on(side, FILE_BYTES).await;
        let sent = usize::try_from(rig.fill(0).await).unwrap();
        assert!(sent > 0 && sent < FILE_BYTES, "{sent}");
        let mut received = vec![0; sent];
        rig.client.read_exact(&mut received).await.unwrap();
        assert!(received == rig.content[..sent]);
        // And what was waited for can be sent.
        assert!(rig.send(sent as u64, FILE_BYTES - sent).await.unwrap() > 0);
    });
}

fn what_goes_before_a_file_comes_before_it(side: &impl Side) {
    run(async {
        let mut rig = Rig::on(side, 3_000).await;
        let server = &mut rig.server;
        let head = poll_fn(|context| {
            let slices = [IoSlice::new(b"he"), IoSlice::new(b"ad")];
            Pin::new(&mut **server).poll_write_more(context, &slices)
        });
        assert_eq!(head.await.unwrap(), 4);
        assert_eq!(rig.send(0, 3_000).await.unwrap(), 3_000);
        let mut received = vec![0; 3_004];
        rig.client.read_exact(&mut received).await.unwrap();
        assert!(received[..4] == *b"head" && received[4..] == rig.content);
    });
}

fn a_file_that_ends_early_is_told(side: &impl Side) {
    run(async {
        let mut rig = Rig::on(side, 1_000).await;
        assert_eq!(rig.send(900, 500).await.unwrap(), 100);
        let error = rig.send(1_000, 400).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let error = rig.send(u64::MAX, 1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    });
}

fn what_is_under_way_outlives_a_write_to_a_detached_range(side: &impl Side) {
    run(async {
        let mut rig = Rig::on(side, FILE_BYTES).await;
        let sent = usize::try_from(rig.fill(0).await).unwrap();
        rig.file.detach(0, FILE_BYTES as u64).unwrap();
        rig.file.write_at(&vec![0xFF; FILE_BYTES], 0).unwrap();
        let mut received = vec![0; sent];
        rig.client.read_exact(&mut received).await.unwrap();
        assert!(received == rig.content[..sent]);
    });
}

fn a_detached_range_takes_writes(side: &impl Side) {
    run(async {
        let rig = Rig::on(side, 64 << 10).await;
        rig.file.detach(8_192, 16_384).unwrap();
        rig.file.write_at(&[1; 16_384], 8_192).unwrap();
        rig.file.sync().unwrap();
        let mut found = vec![0; 64 << 10];
        assert_eq!(rig.file.read_at(&mut found, 0).unwrap(), 64 << 10);
        assert_eq!(rig.file.bytes().unwrap(), 64 << 10);
        assert!(found[8_192..24_576].iter().all(|byte| *byte == 1));
        assert!(found[..8_192] == rig.content[..8_192]);
        assert!(found[24_576..] == rig.content[24_576..]);
    });
}
