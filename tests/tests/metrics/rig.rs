//! An appliance with a channel on air, another that is silent, an origin and a route.

use std::time::Duration;

use weir_tests::{
    daemon::{Daemon, free_port},
    edge::route_to,
    ffmpeg::{self, Streams},
    http,
    origin::{Origin, Reply},
    process::Process,
    wait::until,
};

/// The appliance and its peers.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) daemon: Daemon,
    _sender: Process,
    _origin: Origin,
}

impl Rig {
    /// Waits until the channel `good` is on air.
    pub(crate) fn start() -> Self {
        Self::with(&["silent"])
    }

    /// The same without the channel that is silent.
    pub(crate) fn well() -> Self {
        Self::with(&[])
    }

    fn with(silent: &[&str]) -> Self {
        let port = free_port();
        let good = format!("239.255.84.1:{port}");
        let channel = |id: &str, group: &str| {
            format!(
                "[[channel]]\nid = \"{id}\"\nname = \"The \\\"{id}\\\" one\"\n\
                 [[channel.rendition]]\nname = \"HD\"\nsources = [\"udp://{group}\"]\n\
                 interface = \"lo\"\n"
            )
        };
        let origin =
            Origin::start(|_| Reply::new(200, &[("Cache-Control", "max-age=60")], "hello"));
        // The channel that is silent is an alarm at once.
        let mut text = "[alarm]\nboot_inhibit = \"0s\"\n[segment]\ntarget = \"1s\"\n".to_owned();
        text += &channel("good", &good);
        for id in silent {
            text += &channel(id, &format!("239.255.84.2:{port}"));
        }
        text += &route_to(&[origin.url()], "", "");
        let daemon = Daemon::start(&text);
        let rig = Self {
            _sender: ffmpeg::send(Streams::H264Aac, "udp", &good, 900),
            daemon,
            _origin: origin,
        };
        rig.await_state("good", "on_air");
        http::get(&rig.daemon.data("/hello")).expect("the origin answers");
        rig
    }

    fn await_state(&self, channel: &str, state: &str) {
        let url = self
            .daemon
            .management(&format!("/api/v1/channels/{channel}"));
        until(
            format!("{channel} to be {state}"),
            Duration::from_secs(30),
            || {
                let told = http::get(&url).expect("the channel is there").json();
                (told["renditions"][0]["state"] == state).then_some(())
            },
        );
    }
}
