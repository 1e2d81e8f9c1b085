//! What is recorded comes back, whatever the disk does to it, and never takes more than it may.

use std::{path::Path, sync::Arc, time::Duration};

use proptest::prelude::*;
use weir_hal::{
    Access, Disk, Wall,
    sim::{Call, Fault, Generator, Simulation},
};

use super::{
    files::{DISK_BYTES_MAX, Files},
    frame::{block_of, to_frame},
    *,
};

const DIRECTORY: &str = "/var/weir/cache.recorder";

/// Far longer than a flush takes.
const PATIENCE: Duration = Duration::from_mins(1);

fn sample(second: u64, values: &[(&str, Option<u64>)]) -> Sample {
    let named = values.iter();
    Sample {
        at_ms: 1_700_000_000_000 + second * 1_000,
        values: named
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect(),
    }
}

/// A block of so many seconds that begins with `first`.
fn block(first: u64, seconds: u64) -> Block {
    let mut block = Block::default();
    for second in first..first + seconds {
        assert_eq!(
            block.push(sample(second, &[("node/requests", Some(second))])),
            0
        );
    }
    block
}

fn frames(blocks: &[Block]) -> Vec<u8> {
    blocks.iter().flat_map(to_frame).collect()
}

fn blocks(bytes: &[u8]) -> Vec<Block> {
    Frames::of(bytes).blocks().collect()
}

/// A sample of a POP box: 50 channels in three renditions whose bitrates tremble, four interfaces.
fn busy(second: u64, chance: &mut Generator) -> Sample {
    let mut sample = Sample::at(Wall::from_nanos((1_700_000_000 + second) * 1_000_000_000));
    for channel in 0..50 {
        for rendition in ["HD_8M", "SD_3M", "LD_1M"] {
            let mut push = |word, value| {
                sample.push(format!("channel/CH_{channel:03}/{rendition}/{word}"), value);
            };
            push("bitrate_kbps", 7_500 + chance.below(1_000));
            push("continuity_count_error", second / 600);
            push("datagrams_lost", 0);
            push(
                "segment_age_ms",
                second * 1_000 % 6_000 + chance.below(2) * 100,
            );
        }
    }
    for nic in 0..4 {
        for word in ["rx_bytes", "tx_bytes"] {
            let rate = 300_000_000 * second + chance.below(2_000_000);
            sample.push(format!("nic/eth{nic}/{word}"), rate);
        }
    }
    sample
}

fn any_sample() -> impl Strategy<Value = Sample> {
    let value = prop_oneof![
        Just(None),
        (0..5_u64).prop_map(Some),
        any::<u64>().prop_map(|it| Some(it.min(u64::MAX - 1))),
    ];
    let values = prop::collection::btree_map("[a-d]{1,2}", value, 0..6);
    (any::<u64>(), values).prop_map(|(at_ms, values)| Sample {
        at_ms,
        values: values.into_iter().collect(),
    })
}

proptest! {
    #[test]
    fn what_was_recorded_comes_back(
        samples in prop::collection::vec(any_sample(), 1..SAMPLES_MAX),
    ) {
        let mut block = Block::default();
        for sample in &samples {
            prop_assert_eq!(block.push(sample.clone()), 0);
        }
        let read = block_of(&to_frame(&block)).expect("a block");
        prop_assert_eq!(&read, &block);
        for (second, sample) in samples.iter().enumerate() {
            prop_assert_eq!(read.times_ms()[second], sample.at_ms);
            for name in read.names() {
                let told = sample.values.iter().find(|(known, _)| known == name);
                let value = told.and_then(|(_, value)| *value);
                prop_assert_eq!(read.values(name)[second], value);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(blocks(&bytes), vec![]);
        prop_assert!(block_of(&bytes).is_none());
        let mut framed = b"WEIRREC1".to_vec();
        framed.extend_from_slice(&bytes);
        prop_assert_eq!(blocks(&framed), vec![]);
        // Behind a right checksum, too.
        let compressed = zstd::bulk::compress(&bytes, 3).expect("in memory");
        prop_assert!(Block::decode(0, &compressed).is_none_or(|block| !block.is_empty()));
    }

    #[test]
    fn damage_costs_the_blocks_it_is_in_and_no_other(
        at in 0..1_000_usize,
        length in 1..200_usize,
        value in any::<u8>(),
    ) {
        let all = [block(0, 60), block(60, 60), block(120, 7)];
        let mut bytes = frames(&all);
        let at = at % bytes.len();
        let end = (at + length).min(bytes.len());
        let mut starts = vec![0];
        for block in &all {
            starts.push(starts[starts.len() - 1] + to_frame(block).len());
        }
        let is_hit = |number: usize| at < starts[number + 1] && end > starts[number];
        let before = bytes.clone();
        bytes[at..end].fill(value);
        let read = blocks(&bytes);
        for (number, block) in all.iter().enumerate() {
            let is_same = bytes[starts[number]..starts[number + 1]]
                == before[starts[number]..starts[number + 1]];
            prop_assert!(is_same || is_hit(number));
            prop_assert_eq!(read.contains(block), is_same, "block {}", number);
        }
        prop_assert!(read.iter().all(|block| all.contains(block)));
    }
}

#[test]
fn what_stands_still_costs_next_to_nothing() {
    let mut still = Block::default();
    for second in 0..60 {
        let names: Vec<String> = (0..100)
            .map(|it| format!("nic/eth{it}/rx_errors"))
            .collect();
        let values: Vec<_> = names.iter().map(|it| (it.as_str(), Some(7))).collect();
        still.push(sample(second, &values));
    }
    let bytes = to_frame(&still).len();
    assert!(bytes < 1_000, "{bytes} bytes for 6,000 values");
}

#[test]
fn a_day_of_a_pop_box_fits() {
    let mut chance = Generator::new(1);
    let mut block = Block::default();
    for second in 0..60 {
        assert_eq!(block.push(busy(second, &mut chance)), 0);
    }
    let day = to_frame(&block).len() as u64 * 24 * 60;
    assert!(day < DISK_BYTES_MAX, "{day} bytes a day");
}

#[test]
fn series_beyond_the_limit_and_names_beyond_it_are_dropped_and_counted() {
    let mut block = Block::default();
    let mut sample = Sample::default();
    for number in 0..SERIES_MAX + 3 {
        sample.push(format!("{number:06}"), 1);
    }
    sample.push("x".repeat(NAME_BYTES_MAX + 1), 1);
    assert_eq!(block.push(sample), 4);
    assert_eq!(block.names().count(), SERIES_MAX);
    assert!(block_of(&to_frame(&block)).is_some());
}

#[test]
fn a_block_with_more_than_it_may_have_is_none() {
    let mut long = Block::default();
    long.push(sample(0, &[("a", Some(1)), ("b", None)]));
    let frame = to_frame(&long);
    let (head, compressed) = frame.split_at(24);
    assert_eq!(head.len(), 24);
    let plain = zstd::bulk::decompress(compressed, 1_000).expect("a block");
    let altered = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut plain = plain.clone();
        change(&mut plain);
        let compressed = zstd::bulk::compress(&plain, 3).expect("in memory");
        Block::decode(0, &compressed)
    };
    assert!(altered(&|_| {}).is_some());
    assert!(altered(&|plain| plain.push(0)).is_none(), "bytes behind it");
    assert!(altered(&|plain| plain[0] = 0).is_none(), "no samples");
    assert!(
        altered(&|plain| plain[0] = 61).is_none(),
        "too many samples"
    );
    assert!(altered(&|plain| plain[1] = 3).is_none(), "too many series");
    assert!(
        altered(&|plain| plain[3] = b'c').is_none(),
        "series out of order"
    );
    assert!(
        altered(&|plain| plain.truncate(plain.len() - 1)).is_none(),
        "it is cut off"
    );
}

fn disk_of(machine: &Simulation) -> Arc<dyn Disk> {
    machine.board().disk
}

fn kept(disk: &Arc<dyn Disk>) -> Kept {
    read(&**disk, Path::new(DIRECTORY), usize::MAX).expect("the directory is there")
}

#[test]
fn a_power_cut_loses_nothing_that_was_written() {
    for seed in 0..40 {
        let machine = Simulation::new(seed);
        let disk = disk_of(&machine);
        let mut files = Files::open(disk, Path::new(DIRECTORY)).expect("a flawless disk");
        let written: Vec<Block> = (0..5).map(|minute| block(minute * 60, 60)).collect();
        for block in &written {
            files.add(&to_frame(block)).expect("a flawless disk");
        }
        // A block that is written and not synced any more.
        machine.disk.inject(Call::Sync, Fault::Once(1));
        assert!(files.add(&to_frame(&block(300, 60))).is_err());
        let disk: Arc<dyn Disk> = Arc::new(machine.disk.power_cut());
        let mut files = Files::open(Arc::clone(&disk), Path::new(DIRECTORY)).expect("a disk");
        let last = block(360, 60);
        files.add(&to_frame(&last)).expect("a disk");
        let read = blocks(&kept(&disk).bytes);
        let whole: Vec<_> = read.iter().filter(|it| written.contains(it)).collect();
        assert_eq!(whole.len(), written.len(), "seed {seed}");
        assert_eq!(read.last(), Some(&last), "seed {seed}");
    }
}

#[test]
fn a_torn_end_is_overwritten_and_a_file_that_is_foreign_stays() {
    let machine = Simulation::new(1);
    let disk = disk_of(&machine);
    let directory = Path::new(DIRECTORY);
    let mut files = Files::open(Arc::clone(&disk), directory).expect("a flawless disk");
    files
        .add(&to_frame(&block(0, 60)))
        .expect("a flawless disk");
    let path = directory.join("0000000001.blocks");
    let file = disk.open(&path, Access::ReadWrite).expect("the first file");
    let end = file.bytes().expect("a length");
    file.write_at(&to_frame(&block(60, 60))[..50], end)
        .expect("room");
    let foreign = directory.join("notes.blocks");
    disk.open(&foreign, Access::Create).expect("room");
    let mut files = Files::open(Arc::clone(&disk), directory).expect("a flawless disk");
    files
        .add(&to_frame(&block(120, 60)))
        .expect("a flawless disk");
    let kept = kept(&disk);
    assert_eq!(blocks(&kept.bytes), [block(0, 60), block(120, 60)]);
    assert_eq!(kept.damaged_bytes, 0);
    assert!(disk.kind(&foreign).is_ok());
    assert_eq!(disk.list(directory).expect("a directory").len(), 2);
}

#[test]
fn more_than_a_day_is_not_kept_and_the_newest_come_first_into_what_is_read() {
    let machine = Simulation::new(1);
    let disk = disk_of(&machine);
    let mut files = Files::open(Arc::clone(&disk), Path::new(DIRECTORY)).expect("a disk");
    let removed: u64 = (0..60 * 26)
        .map(|minute| {
            files
                .add(&to_frame(&block(minute * 60, 60)))
                .expect("a disk")
        })
        .sum();
    assert_eq!(removed, 1);
    let all = blocks(&kept(&disk).bytes);
    assert_eq!(all.len(), 60 * 25);
    assert_eq!(all[0], block(3_600, 60));
    let some = read(&*disk, Path::new(DIRECTORY), 1_000).expect("a directory");
    let newest = blocks(&some.bytes);
    assert_eq!(
        (newest.len(), some.blocks_left_out),
        (some.blocks, 60 * 25 - some.blocks)
    );
    assert!(!newest.is_empty() && some.bytes.len() <= 1_000);
    assert!(all.ends_with(&newest));
}

#[test]
fn the_files_never_take_more_than_they_may() {
    let machine = Simulation::new(1);
    let disk = disk_of(&machine);
    let directory = Path::new(DIRECTORY);
    let mut files = Files::open(Arc::clone(&disk), directory).expect("a flawless disk");
    let mut chance = Generator::new(7);
    let large: Vec<u8> = (0..2 << 17)
        .flat_map(|_| chance.draw().to_le_bytes())
        .collect();
    for _ in 0..100 {
        files.add(&large).expect("a flawless disk");
        let entries = disk.list(directory).expect("a directory");
        let bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
        assert!(bytes <= DISK_BYTES_MAX, "{bytes} bytes");
    }
}

#[test]
fn a_disk_that_fails_loses_minutes_and_keeps_nobody_waiting() {
    let machine = Simulation::new(1);
    machine.disk.inject(Call::Write, Fault::ForEver(1));
    let recorder = Recorder::start(DIRECTORY.into(), disk_of(&machine)).expect("a thread");
    recorder.take(sample(0, &[("a", Some(1))]));
    assert!(recorder.flush(PATIENCE));
    assert_eq!(recorder.counters().blocks_lost, 1);
    machine.disk.heal();
    recorder.take(sample(1, &[("a", Some(2))]));
    assert!(recorder.flush(PATIENCE));
    let counters = recorder.counters();
    assert_eq!((counters.blocks_written, counters.blocks_lost), (1, 1));
    assert_eq!(blocks(&kept(&disk_of(&machine)).bytes).len(), 1);
}

#[test]
fn a_table_has_a_line_a_second_and_a_column_a_series() {
    let mut first = block(0, 1);
    first.push(sample(1, &[("node/a,b", Some(7)), ("nic/x", Some(1))]));
    let second = block(60, 1);
    let all = [first, second];
    let columns = Columns::of(all.iter().cloned(), "node/").expect("there are some");
    let lines: String = all.iter().map(|block| columns.lines(block)).collect();
    let expected = "time,\"node/a,b\",node/requests\r\n\
        2023-11-14T22:13:20.000Z,,0\r\n\
        2023-11-14T22:13:21.000Z,7,\r\n\
        2023-11-14T22:14:20.000Z,,60\r\n";
    assert_eq!(columns.head() + &lines, expected);
    let none = Columns::of(all.iter().cloned(), "tape/").expect_err("there is no tape");
    assert!(none.to_string().contains("\"tape/\""));
}
