//! Stores in which bytes have changed anywhere: whatever a start makes of them, it ends, it serves
//! no wrong byte, and it goes on as a store.
//!
//! Method: images of stores full of objects that tell their own content, each changed in a few
//! places: bytes flipped, zeroed, or copied from elsewhere in the image, most of them where the
//! store keeps its accounts.

use std::sync::OnceLock;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{Inspection, engine::format::Geometry};

/// Mutated images each test opens, or so many if `WEIR_LONG` is set for the build.
const CASES: u32 = match option_env!("WEIR_LONG") {
    Some(_) => 20_000,
    None => 128,
};
const OBJECTS: u8 = 40;

#[derive(Debug, Clone)]
enum Change {
    Flip {
        at: Place,
        mask: u8,
    },
    Zero {
        at: Place,
        bytes: usize,
    },
    Copy {
        from: Place,
        to: Place,
        pages: usize,
    },
    Cut {
        at: Place,
    },
}

/// Somewhere in an image, by its share in 65,536 of what there is of its kind.
#[derive(Debug, Clone, Copy)]
enum Place {
    Super(u16),
    Slot(u16),
    /// The first bytes of a page.
    PageStart(u16, u8),
    Anywhere(u16, u16),
}

impl Place {
    fn in_image(self, image: &[u8], geometry: Geometry) -> usize {
        let share = |share: u16, of: usize| usize::from(share) * of / 65_536;
        let pages = image.len() / 4096;
        match self {
            Self::Super(at) => share(at, 2 * 4096),
            Self::Slot(at) => {
                let start = usize::try_from(geometry.directory_offset(0)).unwrap();
                start + share(at, usize::try_from(geometry.directory_bytes()).unwrap())
            }
            Self::PageStart(page, byte) => share(page, pages) * 4096 + usize::from(byte),
            Self::Anywhere(page, byte) => share(page, pages) * 4096 + usize::from(byte) % 4096,
        }
    }
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        1 => any::<u16>().prop_map(Place::Super),
        4 => any::<u16>().prop_map(Place::Slot),
        4 => any::<(u16, u8)>().prop_map(|(page, byte)| Place::PageStart(page, byte)),
        2 => any::<(u16, u16)>().prop_map(|(page, byte)| Place::Anywhere(page, byte)),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => (place(), 1..=255_u8).prop_map(|(at, mask)| Change::Flip { at, mask }),
        2 => (place(), 1..9_000_usize).prop_map(|(at, bytes)| Change::Zero { at, bytes }),
        3 => (place(), place(), 1..6_usize)
            .prop_map(|(from, to, pages)| Change::Copy { from, to, pages }),
        1 => place().prop_map(|at| Change::Cut { at }),
    ]
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>, geometry: Geometry) {
        let place = |at: &Place| at.in_image(image, geometry).min(image.len() - 1);
        match self {
            Self::Flip { at, mask } => {
                let at = place(at);
                image[at] ^= mask;
            }
            Self::Zero { at, bytes } => {
                let at = place(at);
                let end = (at + bytes).min(image.len());
                image[at..end].fill(0);
            }
            Self::Copy { from, to, pages } => {
                // Page by page, as a confused device does.
                let (from, to) = (place(from) / 4096 * 4096, place(to) / 4096 * 4096);
                let bytes = (pages * 4096).min(image.len() - from).min(image.len() - to);
                image.copy_within(from..from + bytes, to);
            }
            Self::Cut { at } => {
                let at = place(at).max(8192);
                image.truncate(at);
            }
        }
    }
}

fn name(number: u8) -> String {
    format!("/object-{number}")
}

/// Every second object was replaced: nobody may see its former body, which lies there dead.
fn bodies(number: u8) -> Vec<u8> {
    body(number, 500 + usize::from(number) * 450)
}

fn fill(config: &Config, is_closed: bool) -> Vec<u8> {
    let disk = sim::Disk::new(1);
    let store = open(&disk, config);
    let classes = [Class::Low, Class::Medium, Class::High, Class::Live];
    for number in 0..OBJECTS {
        let class = classes[usize::from(number % 4)];
        if number % 2 == 0 {
            settle(&store, &name(number), class, &body(!number, 3_000));
        }
        settle(&store, &name(number), class, &bodies(number));
    }
    if is_closed {
        drop(store);
        return image(&disk);
    }
    // It is not closed before its image has been taken.
    let image = image(&disk);
    drop(store);
    image
}

fn config_in_parts() -> Config {
    config_of_parts(128)
}

fn config_whole() -> Config {
    config_with_regions(32)
}

fn images() -> &'static [(Config, Vec<u8>)] {
    static IMAGES: OnceLock<Vec<(Config, Vec<u8>)>> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let configs = [config_whole(), config_in_parts()];
        let kinds = configs.into_iter().flat_map(|config| {
            let closed = fill(&config, true);
            let open = fill(&config, false);
            [(config.clone(), closed), (config, open)]
        });
        kinds.collect()
    })
}

/// What was read is what was written under that name, now or before.
fn check(name: &str, read: &[u8]) {
    let number: u8 = name.trim_start_matches("/object-").parse().unwrap();
    let is_right = read == bodies(number) || read == body(!number, 3_000);
    assert!(is_right, "{name} has {} bytes it never had", read.len());
}

fn survive(image: &[u8], config: &Config) {
    let disk = disk_of(image);
    let Ok(store) = Store::open(Arc::new(disk.clone()), clock(), config) else {
        return;
    };
    for number in 0..OBJECTS {
        if let Some(Ok(read)) = read_key(&store, &name(number)) {
            check(&name(number), &read);
        }
    }
    // A page that went astray may stand in the place of an object; it cannot be told from one whose
    // hash is the same.
    assert!(store.counters().objects >= store.keys("").len() as u64);
    // It goes on: all of it can be written over, and is found again.
    for round in 0..60 {
        let name = format!("/new-{round}");
        settle(&store, &name, Class::High, &body(round, 12_000));
        assert!(read_key(&store, &name).unwrap().unwrap() == body(round, 12_000));
    }
    let counters = store.counters();
    assert!(counters.bytes <= counters.bytes_max);
    drop(store);
    let store = open(&disk.power_cut(), config);
    assert!(read_key(&store, "/new-59").unwrap().unwrap() == body(59, 12_000));
    for number in 0..OBJECTS {
        if let Some(Ok(read)) = read_key(&store, &name(number)) {
            check(&name(number), &read);
        }
    }
}

fn inspect(image: &[u8]) {
    let disk = disk_of(image);
    let Ok(inspection) = Inspection::open(Arc::new(disk), Path::new("/cache")) else {
        return;
    };
    inspection.summary();
    inspection.written_between();
    for held in inspection.objects().filter_map(Result::ok) {
        let pieces: Result<Vec<Bytes>, _> = inspection.pieces(&held).collect();
        if let Ok(pieces) = pieces {
            check(held.key().as_str(), &pieces.concat());
        }
        inspection.find(held.key()).ok();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn a_changed_store_serves_no_wrong_byte_and_goes_on(
        changes in vec(change(), 1..12),
        kind in 0..4_usize,
    ) {
        let (config, image) = &images()[kind];
        let geometry = Geometry::plan(config.bytes_max, config.region_bytes).unwrap();
        let mut image = image.clone();
        for change in &changes {
            change.apply(&mut image, geometry);
        }
        survive(&image, config);
    }

    #[test]
    fn a_changed_store_can_be_looked_at(
        changes in vec(change(), 1..12),
        kind in 0..4_usize,
    ) {
        let (config, image) = &images()[kind];
        let geometry = Geometry::plan(config.bytes_max, config.region_bytes).unwrap();
        let mut image = image.clone();
        for change in &changes {
            change.apply(&mut image, geometry);
        }
        inspect(&image);
    }
}
