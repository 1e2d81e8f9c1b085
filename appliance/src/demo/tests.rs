//! Claims about the demo on a simulated machine.

use weir_hal::{Disk, FileKind, Network, sim::Simulation};

use super::*;
use crate::app::{Ingest, Vaults, orders, store_config};

const TEMPORARY: &str = "/tmp";

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn names(simulation: &Simulation) -> Vec<std::path::PathBuf> {
    let entries = simulation.disk.list(Path::new(TEMPORARY)).unwrap();
    entries.into_iter().map(|entry| entry.path).collect()
}

#[tokio::test]
async fn the_usual_ports_are_taken_when_free_and_others_when_not() {
    let simulation = Simulation::new(7);
    let first = Demo::build(&simulation.board(), Path::new(TEMPORARY)).unwrap();
    let usual = Addresses {
        data: local(8080),
        management: local(8081),
    };
    assert_eq!(first.addresses(), usual);
    let second = Demo::build(&simulation.board(), Path::new(TEMPORARY)).unwrap();
    let others = [second.addresses().data, second.addresses().management];
    assert!(!others.contains(&usual.data) && !others.contains(&usual.management));
    assert_ne!(others[0], others[1]);
    let groups = |addresses| CLIPS.each_ref().map(|clip| group(clip, addresses));
    let (first, second) = (groups(first.addresses()), groups(second.addresses()));
    assert!(first.iter().all(|group| !second.contains(group)));
}

#[tokio::test]
async fn one_taken_port_does_not_move_the_other() {
    let simulation = Simulation::new(7);
    let _taken = simulation.network.listen(local(8080)).unwrap();
    let demo = Demo::build(&simulation.board(), Path::new(TEMPORARY)).unwrap();
    assert_ne!(demo.addresses().data, local(8080));
    assert_eq!(demo.addresses().management, local(8081));
}

#[tokio::test]
async fn nothing_is_left_on_the_disk() {
    let simulation = Simulation::new(7);
    simulation
        .disk
        .create_directory(Path::new(TEMPORARY))
        .unwrap();
    let demo = Demo::build(&simulation.board(), Path::new(TEMPORARY)).unwrap();
    let path = names(&simulation).remove(0);
    assert_eq!(simulation.disk.kind(&path).unwrap(), FileKind::Directory);
    drop(demo);
    assert!(names(&simulation).is_empty());
}

#[test]
fn addresses_are_told_one_a_line() {
    let addresses = Addresses {
        data: local(8080),
        management: local(8081),
    };
    insta::assert_snapshot!(addresses, @r"
    player   http://127.0.0.1:8081/player/demo
    playlist http://127.0.0.1:8080/live/demo/master.m3u8
    status   http://127.0.0.1:8081/
    health   http://127.0.0.1:8081/api/health
    ");
}

#[tokio::test]
async fn every_rendition_is_cut_alike_from_its_first_segment_on() {
    let simulation = Simulation::new(7);
    let board = simulation.board();
    let addresses = Addresses {
        data: local(8080),
        management: local(8081),
    };
    let config = config(addresses, Path::new("/cache"));
    let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
    let store = weir_cache::Store::open(disk, clock, &store_config(&config.cache));
    let kept = (&store.unwrap(), &Vaults::default());
    let orders = orders(&board, kept, &config, None).await;
    let live = Arc::new(Live::default());
    let mut ingest = Ingest::new(board.clone(), Arc::clone(&live)).unwrap();
    ingest.carry(orders);
    ingest.turn();

    let mut playout = playout(&board, addresses).unwrap();
    let elapsed = std::cell::Cell::new(Duration::ZERO);
    let mut first_on_air = None;
    let statistics = playout.run(
        &*board.clock,
        || elapsed.get() >= Duration::from_secs(13),
        |progress| {
            elapsed.set(progress.elapsed);
            ingest.turn();
            if is_on_air(&live) && first_on_air.is_none() {
                first_on_air = Some(progress.elapsed);
            }
        },
    );
    assert_eq!(statistics.unwrap().send_errors, 0);
    assert!(
        first_on_air.unwrap() <= Duration::from_millis(4_200),
        "{first_on_air:?}"
    );

    let channel = live.channel(CHANNEL).unwrap();
    let playlists = channel.renditions.iter().map(|rendition| {
        let playlist = rendition.playlist().unwrap();
        let text = String::from_utf8(playlist.body.to_vec()).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("#EXTINF"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    });
    for durations in playlists {
        assert_eq!(durations, ["#EXTINF:2.000000,"; 5]);
    }
    let master = channel.master().unwrap();
    let master = str::from_utf8(&master.body).unwrap();
    let uris: Vec<_> = master
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(uris, ["demo_360p.m3u8", "demo_240p.m3u8", "demo_144p.m3u8"]);
    assert_eq!(master.matches(",mp4a.40.2\"").count(), 3);
    assert_eq!(master.matches("FRAME-RATE=25.000").count(), 3);
}
