//! `HAProxy` gives a box the share of load that its agent check asks for.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use tempfile::TempDir;
use weir_tests::{
    daemon::{Daemon, free_port},
    ffmpeg::{self, Streams},
    process::Process,
    wait::until,
};

/// A load balancer before one box.
struct Balancer {
    _process: Process,
    folder: TempDir,
}

impl Balancer {
    fn before(data: &str, agent_port: u16) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let address = data.trim_start_matches("http://");
        let text = format!(
            "global\n  stats socket {}\ndefaults\n  mode http\n  timeout connect 5s\n  \
             timeout client 5s\n  timeout server 5s\nbackend edges\n  \
             server edge {address} weight 100 check inter 200ms agent-check \
             agent-port {agent_port} agent-addr 127.0.0.1 agent-inter 200ms\n",
            socket(folder.path()).display()
        );
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, text).expect("the temporary folder can be written");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&file);
        Self {
            _process: Process::start(command),
            folder,
        }
    }

    /// What it thinks of the box, by the names of its own table; empty until it answers.
    fn view(&self) -> BTreeMap<String, String> {
        let Ok(mut stream) = UnixStream::connect(socket(self.folder.path())) else {
            return BTreeMap::new();
        };
        stream.write_all(b"show stat\n").expect("it reads");
        let mut told = String::new();
        stream.read_to_string(&mut told).expect("it answers");
        let mut lines = told.lines();
        let names = lines.next().unwrap_or("").trim_start_matches("# ");
        let edge = lines.find(|line| line.starts_with("edges,edge,"));
        let names = names.split(',').map(str::to_owned);
        let values = edge.unwrap_or("").split(',').map(str::to_owned);
        names.zip(values).collect()
    }

    fn await_view(&self, status: &str, weight: Option<&str>) {
        until(
            format!("{status} {weight:?}"),
            Duration::from_secs(30),
            || {
                let view = self.view();
                let is_weight = weight
                    .is_none_or(|weight| view.get("weight").map(String::as_str) == Some(weight));
                (view.get("status")?.starts_with(status) && is_weight).then_some(())
            },
        );
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("socket")
}

#[test]
fn a_load_balancer_takes_a_box_in_by_the_share_of_its_channels_on_air() {
    let (port, agent_port) = (free_port(), free_port());
    let channel = |id: u8| {
        format!(
            "[[channel]]\nid = \"c{id}\"\n[[channel.rendition]]\nname = \"HD\"\n\
             sources = [\"udp://239.255.85.{id}:{port}\"]\ninterface = \"lo\"\n"
        )
    };
    let keys = format!("agent_check = \"127.0.0.1:{agent_port}\"\n");
    let channels = [
        "[segment]\ntarget = \"1s\"\n".to_owned(),
        channel(1),
        channel(2),
    ];
    let daemon = Daemon::start_managed(&keys, &channels.concat());
    let balancer = Balancer::before(&daemon.data(""), agent_port);
    balancer.await_view("DOWN (agent)", None);
    let group = format!("239.255.85.1:{port}");
    let _sender = ffmpeg::send(Streams::H264Aac, "udp", &group, 60);
    balancer.await_view("UP", Some("50"));
}
