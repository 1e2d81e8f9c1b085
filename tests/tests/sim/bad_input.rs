//! What encoders and multiplexers get wrong: each has a state and a counter, and leaves a list that
//! keeps the rules.

use std::sync::Arc;

use weir::live::{Report, State};
use weir_hal::{
    Clock,
    sim::{Sender, Simulation},
};
use weir_tests::{
    hls::{Entry, Watch},
    splice::{insert, section},
    stream::{Clock as StreamClock, Encoder, Format},
};

use crate::{
    life::{
        CACHE, Life, PICTURE_90K, PICTURES_PER_SECOND, SEGMENT, TURN, TURNS_PER_PICTURE,
        configuration, send, sender,
    },
    media::Media,
    million::fetch,
    runtime,
};

/// An appliance that has been on air for a while.
struct Scene {
    simulation: Simulation,
    life: Life,
    encoder: Encoder,
    sender: Sender,
    watch: Watch,
    entries: Vec<Entry>,
}

impl Scene {
    async fn on_air(encoder: Encoder) -> Self {
        let mut scene = Self::silent(encoder).await;
        scene.play(14).await;
        assert_eq!(scene.report().state, State::OnAir);
        assert!(scene.entries.len() >= 3, "{:?}", scene.entries);
        scene.entries.clear();
        scene
    }

    async fn silent(mut encoder: Encoder) -> Self {
        let simulation = Simulation::new(1);
        encoder.format = Format {
            picture_90k: PICTURE_90K,
            key_frame_interval: PICTURES_PER_SECOND,
            ..encoder.format
        };
        Self {
            life: Life::begin(&simulation, &configuration(SEGMENT, CACHE)).await,
            sender: sender(&simulation),
            encoder,
            simulation,
            watch: Watch::default(),
            entries: Vec::new(),
        }
    }

    /// Sends so many seconds of pictures.
    async fn play(&mut self, seconds: u64) {
        self.play_with(seconds, Encoder::picture).await;
    }

    /// Sends so many seconds of what `make` makes in place of each picture, and holds each version
    /// of the list against the rules.
    async fn play_with(&mut self, seconds: u64, make: impl Fn(&mut Encoder) -> Vec<u8>) {
        for _ in 0..seconds * PICTURES_PER_SECOND {
            let packets = make(&mut self.encoder);
            send(&mut self.sender, &packets);
            for _ in 0..TURNS_PER_PICTURE {
                self.simulation.clock.advance(TURN);
                self.life.ingest.turn();
                self.look().await;
            }
        }
    }

    async fn look(&mut self) {
        let Some(text) = self.life.playlist() else {
            return;
        };
        let now_ms = self.simulation.clock.monotonic().as_nanos() / 1_000_000;
        let new = self.watch.see(&text, now_ms);
        for entry in new.unwrap_or_else(|breach| panic!("{breach}: {text}")) {
            if !entry.is_gap {
                let bytes = fetch(&self.life.store, &entry.uri).await;
                let bytes = bytes.expect("what is listed is there");
                Media::read(&bytes).expect("it is sound");
            }
            self.entries.push(entry);
        }
    }

    fn splice(&mut self, message: &[u8]) {
        let packet = self.encoder.splice(message);
        send(&mut self.sender, &packet);
    }

    fn report(&self) -> Arc<Report> {
        self.life.report()
    }

    fn gaps(&self) -> usize {
        self.entries.iter().filter(|entry| entry.is_gap).count()
    }

    /// Pictures are as they should be again: so is the channel, within some seconds.
    async fn recover(&mut self) {
        self.entries.clear();
        self.play(16).await;
        assert_eq!(self.report().state, State::OnAir);
        let last = &self.entries[self.entries.len() - 4..];
        assert!(last.iter().all(|entry| !entry.is_gap), "{last:?}");
    }
}

fn encoder() -> Encoder {
    Encoder::new(900_000, 400)
}

fn run(claim: impl Future<Output = ()>) {
    runtime().block_on(claim);
}

#[test]
fn a_minute_without_key_frames_goes_on_cut_by_force_and_is_told_of() {
    run(async {
        let mut scene = Scene::on_air(encoder()).await;
        scene.encoder.format.key_frame_interval = 0;
        scene.play(60).await;
        let report = scene.report();
        assert_eq!(report.state, State::NoRandomAccess);
        assert!(report.segment.target_overruns >= 17, "{:?}", report.segment);
        assert_eq!(scene.gaps(), 0, "media goes on: {:?}", scene.entries);
        scene.encoder.format.key_frame_interval = PICTURES_PER_SECOND;
        scene.recover().await;
    });
}

#[test]
fn a_minute_without_key_frames_at_the_beginning_is_waited_for() {
    run(async {
        let mut encoder = encoder();
        // The first picture is one whatever is asked for: it goes nowhere.
        encoder.picture();
        let mut scene = Scene::silent(encoder).await;
        scene.encoder.format.key_frame_interval = 0;
        scene
            .play_with(60, |encoder| {
                [encoder.tables_alone(), encoder.picture()].concat()
            })
            .await;
        let report = scene.report();
        assert_eq!(report.state, State::NoRandomAccess);
        assert!(report.segment.packets_before_random_access > 200);
        assert!(scene.life.playlist().is_none());
        scene.encoder.format.key_frame_interval = PICTURES_PER_SECOND;
        scene.recover().await;
    });
}

#[test]
fn a_minute_with_no_key_frame_but_the_first_is_told_of() {
    run(async {
        let mut scene = Scene::silent(encoder()).await;
        scene.encoder.format.key_frame_interval = 0;
        scene
            .play_with(60, |encoder| {
                [encoder.tables_alone(), encoder.picture()].concat()
            })
            .await;
        assert_eq!(scene.report().state, State::NoRandomAccess);
        scene.encoder.format.key_frame_interval = PICTURES_PER_SECOND;
        scene.recover().await;
    });
}

#[test]
fn pictures_without_time_stamps_are_gaps() {
    run(async {
        let mut scene = Scene::on_air(encoder()).await;
        scene.encoder.format.is_untimed = true;
        scene.play(20).await;
        let report = scene.report();
        assert_eq!(report.state, State::Stalled);
        assert_eq!(report.segment.units_untimed, 20 * PICTURES_PER_SECOND);
        assert!(scene.gaps() >= 7, "{:?}", scene.entries);
        scene.encoder.format.is_untimed = false;
        scene.recover().await;
    });
}

#[test]
fn a_clock_on_a_pid_of_its_own_that_vanishes_is_counted_and_nothing_is_lost() {
    run(async {
        let mut encoder = encoder();
        encoder.format.clock = StreamClock::Apart;
        let mut scene = Scene::on_air(encoder).await;
        assert_eq!(scene.report().demux.pcr_missing, 0);
        scene.encoder.format.clock = StreamClock::Missing;
        scene.play(30).await;
        let report = scene.report();
        assert_eq!(report.state, State::NoClock);
        assert!(
            (28..=30).contains(&report.demux.pcr_missing),
            "{:?}",
            report.demux
        );
        assert_eq!(scene.gaps(), 0, "{:?}", scene.entries);
        let is_break = |entry: &Entry| entry.is_discontinuity;
        assert!(!scene.entries.iter().any(is_break), "{:?}", scene.entries);
        scene.encoder.format.clock = StreamClock::Apart;
        scene.recover().await;
    });
}

/// Pictures of 15 s each, with sound and a clock beside them, as radio with slides is sent.
fn still(encoder: &mut Encoder) -> Vec<u8> {
    const SLOTS: u64 = 15 * PICTURES_PER_SECOND;
    let sound = encoder.sound();
    let slot = encoder.pts_90k / PICTURE_90K;
    let rest = if slot.is_multiple_of(SLOTS) {
        encoder.picture()
    } else {
        encoder.clock_alone()
    };
    [sound, rest].concat()
}

#[test]
fn stills_that_are_further_apart_than_segments_are_named() {
    run(async {
        let mut encoder = encoder().with_sound();
        encoder.format.clock = StreamClock::Apart;
        let mut scene = Scene::silent(encoder).await;
        scene.encoder.format.key_frame_interval = 1;
        scene.play_with(90, still).await;
        let report = scene.report();
        assert_eq!(report.state, State::Stills);
        assert!((3..=5).contains(&report.demux.stills), "{:?}", report.demux);
        assert!(scene.life.playlist().is_none(), "nothing can be cut");
        // Five a second again.
        scene.recover().await;
    });
}

#[test]
fn pictures_or_time_stamps_that_come_back_after_a_while_are_no_stills() {
    run(async {
        for is_untimed in [true, false] {
            let mut encoder = encoder().with_sound();
            encoder.format.clock = StreamClock::Apart;
            let mut scene = Scene::on_air(encoder).await;
            scene.encoder.format.is_untimed = is_untimed;
            scene
                .play_with(20, |encoder| {
                    if is_untimed {
                        return encoder.picture();
                    }
                    [encoder.sound(), encoder.clock_alone()].concat()
                })
                .await;
            assert_eq!(scene.report().state, State::Stalled);
            scene.encoder.format.is_untimed = false;
            for _ in 0..8 {
                scene.play(1).await;
                let state = &scene.report().state;
                assert_ne!(*state, State::Stills, "untimed: {is_untimed}");
            }
            assert_eq!(scene.report().demux.stills, 0);
            scene.recover().await;
        }
    });
}

#[test]
fn sound_that_goes_on_without_pictures_is_gaps() {
    run(async {
        let both = |encoder: &mut Encoder| [encoder.sound(), encoder.picture()].concat();
        let mut scene = Scene::silent(encoder().with_sound()).await;
        scene.play_with(10, both).await;
        assert_eq!(scene.report().state, State::OnAir);
        scene.entries.clear();
        scene
            .play_with(20, |encoder| {
                let sound = encoder.sound();
                [sound, encoder.tables_alone()].concat()
            })
            .await;
        let report = scene.report();
        assert_eq!(report.state, State::Stalled);
        assert!(report.segment.gap_segments >= 7, "{:?}", report.segment);
        assert!(scene.gaps() >= 7, "{:?}", scene.entries);
        scene.entries.clear();
        scene.play_with(16, both).await;
        assert_eq!(scene.report().state, State::OnAir);
        assert!(
            scene
                .entries
                .iter()
                .rev()
                .take(4)
                .all(|entry| !entry.is_gap)
        );
    });
}

#[test]
fn boundaries_of_the_encoder_that_lie_are_counted_and_the_usual_rule_holds() {
    run(async {
        let mut scene = Scene::on_air(encoder()).await;
        scene.encoder.format.boundary_interval = 7;
        scene.play(60).await;
        let report = scene.report();
        assert_eq!(report.state, State::OnAir);
        assert!(
            report.segment.boundaries_refused >= 30,
            "{:?}",
            report.segment
        );
        assert_eq!(scene.gaps(), 0, "{:?}", scene.entries);
        assert_eq!(
            report.segment.target_overruns, 0,
            "every one at a key frame"
        );
        scene.recover().await;
    });
}

#[test]
fn a_splice_in_the_past_is_told_of_and_changes_nothing() {
    run(async {
        let mut scene = Scene::on_air(encoder().with_splices()).await;
        let past = scene.encoder.pts_90k - 90_000 * 5;
        let message = section(0, 5, &insert(7, true, Some(past), Some(90_000 * 10)), &[]);
        scene.splice(&message);
        scene.play(30).await;
        let report = scene.report();
        assert_eq!(report.state, State::OnAir);
        assert_eq!(
            (report.segment.splices_late, report.segment.splice_cuts),
            (1, 0)
        );
        assert!(
            scene
                .entries
                .iter()
                .all(|entry| entry.duration_us == 2_000_000)
        );
    });
}

#[test]
fn splice_information_that_cannot_be_read_is_counted_and_changes_nothing() {
    run(async {
        let mut scene = Scene::on_air(encoder().with_splices()).await;
        let sound = section(0, 5, &insert(7, true, None, Some(900_000)), &[]);
        let (mut encrypted, mut cut, mut unknown) = (sound.clone(), sound.clone(), sound);
        encrypted[4] |= 0x80;
        // The command reaches beyond the section.
        cut[12] += 100;
        unknown[3] = 1;
        for message in [encrypted, cut, unknown] {
            scene.splice(&message);
            scene.play(4).await;
        }
        let report = scene.report();
        assert_eq!(report.state, State::OnAir);
        let demux = &report.demux;
        let counts = (
            demux.splice_encrypted,
            demux.splice_malformed,
            demux.splice_unsupported,
        );
        assert_eq!(counts, (1, 1, 1), "{demux:?}");
        assert_eq!((report.segment.cues, report.segment.splice_cuts), (0, 0));
        let list = scene.life.playlist().expect("it is on air");
        assert!(!list.contains("DATERANGE"), "{list}");
    });
}

#[test]
fn scrambled_pictures_are_gaps_and_never_served() {
    run(async {
        let mut scene = Scene::on_air(encoder()).await;
        scene.encoder.format.is_scrambled = true;
        scene.play(20).await;
        let report = scene.report();
        assert_eq!(report.state, State::Scrambled);
        assert_eq!(
            report.demux.access_units_scrambled,
            20 * PICTURES_PER_SECOND
        );
        assert!(scene.gaps() >= 7, "{:?}", scene.entries);
        scene.encoder.format.is_scrambled = false;
        scene.recover().await;
    });
}
