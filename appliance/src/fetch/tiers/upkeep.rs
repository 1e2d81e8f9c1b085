//! What is done for origins while nobody asks them: probes, round trips, and an end to connections
//! that were idle for too long, or lead to where a host was before it moved.

use std::{pin::pin, sync::Arc, time::Duration};

use http_body_util::BodyExt as _;
use hyper::{Method, Request};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{Origin, Tiers, member::Member};
use crate::{config::Strategy, fetch::exchange::Outgoing};

/// How often it is looked what is due. The shortest interval of probes is as long.
const TICK: Duration = Duration::from_millis(100);

/// How long the round trip of an endpoint that nobody asks is believed.
const ROUND_TRIP_FRESH: Duration = Duration::from_secs(30);

/// Bytes of an answer to a probe that are read, so that its connection can be kept.
const PROBE_BYTES_MAX: u64 = 64 * 1024;

impl Tiers {
    /// Probes, measures and closes what is due, until `shutdown` completes.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shutdown = pin!(shutdown);
        // At most one probe, one measurement and one look-up of each endpoint.
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                Some(_) = tasks.join_next() => continue,
                _ = ticks.tick() => {}
            }
            for origin in self.origins.load().iter() {
                self.look_after(origin, &mut tasks);
            }
        }
    }

    fn look_after(self: &Arc<Self>, origin: &Arc<Origin>, tasks: &mut JoinSet<()>) {
        let now = self.now();
        let is_measured = origin.config.strategy == Strategy::Nearest && origin.members.len() > 1;
        for member in &origin.members {
            let endpoint = &member.endpoint;
            endpoint.pool.sweep(&endpoint.names);
            // Connections that are never idle need no address, so nobody else would ask.
            if endpoint.connections() > 0 && endpoint.names.is_due() {
                let (tiers, endpoint) = (Arc::clone(self), Arc::clone(endpoint));
                tasks.spawn(async move { tiers.client.look_up(&endpoint).await });
            }
            let probe = origin.config.probe.as_ref();
            if probe.is_some_and(|probe| member.begin_probe(now, probe.interval)) {
                tasks.spawn(Arc::clone(self).probe(Arc::clone(origin), Arc::clone(member)));
            } else if is_measured && endpoint.begin_measurement(ROUND_TRIP_FRESH) {
                let (tiers, endpoint) = (Arc::clone(self), Arc::clone(endpoint));
                tasks.spawn(async move { tiers.client.measure(&endpoint).await });
            }
        }
    }

    async fn probe(self: Arc<Self>, origin: Arc<Origin>, member: Arc<Member>) {
        let path = origin
            .config
            .probe
            .as_ref()
            .map_or("/", |probe| &probe.path);
        let has_passed = match Request::get(path).body(Outgoing::Empty) {
            Ok(request) => self.is_well(&member, request).await,
            Err(_unusable) => false,
        };
        member.note_probe(has_passed, origin.thresholds());
    }

    async fn is_well(&self, member: &Member, request: Request<Outgoing>) -> bool {
        debug_assert!(request.method() == Method::GET, "a probe changes nothing");
        let Ok(response) = self.client.send(&member.endpoint, request, None).await else {
            return false;
        };
        let status = response.status();
        let mut body = response.into_body();
        while body.bytes_received() <= PROBE_BYTES_MAX {
            match body.frame().await {
                Some(Ok(_)) => {}
                Some(Err(_)) => return false,
                None => break,
            }
        }
        let is_well = status.is_success() || status.is_redirection();
        if !is_well {
            let answered = format!("its probe is answered {}", status.as_u16());
            member.endpoint.take_trouble(answered);
        }
        is_well
    }
}
