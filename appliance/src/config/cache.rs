//! What the keys of `[cache]` and of the tables of its classes mean.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use weir_cache::{Admission, ClassRules};

use super::{
    ByteSize, Cache,
    default::scrub_for,
    mistake::{Ledger, quoted},
    section::{Found, Section},
    unit::parse_duration,
};

/// Below this a cache holds not even one segment of a radio channel.
const CACHE_BYTES_MIN: u64 = 1 << 20;

/// Bytes the path may have.
const PATH_BYTES_MAX: usize = 1_024;

/// Below this an object would be gone before its first reader has come to its end.
const TTL_MIN: Duration = Duration::from_secs(1);

/// A table of a class.
struct ClassTable {
    rules: ClassRules,
    /// Its `reserve`, if it has one.
    reserve: Option<Found<ByteSize>>,
    admission: Option<Found<Admission>>,
}

pub(super) fn read_cache(mut section: Section<'_>, ledger: &mut Ledger) -> Cache {
    let default = Cache::default();
    let path = section.text("path", absolute_path, ledger);
    let size = section.text("size", cache_size, ledger);
    let memory = section.text("memory", cache_size, ledger);
    let scrub = section.text("scrub", ByteSize::parse, ledger);
    let write_budget = section.text("write_budget", cache_size, ledger);
    let is_size_known = size.is_some() || !section.has("size");
    let mut class = |key, rules| read_class(section.table(key, ledger), rules, ledger);
    let live = class("live", default.classes.live);
    let high = class("high", default.classes.high);
    let medium = class("medium", default.classes.medium);
    let low = class("low", default.classes.low);
    check_live(&live, ledger);
    section.finish(ledger);
    let size = size.map_or(default.size, |size| size.value);
    let excess = memory.as_ref().filter(|memory| memory.value > size);
    if let Some(Found { value, place }) = excess.filter(|_| is_size_known) {
        let text = format!("{value} is more than cache.size ({size}): lower it, or raise the size");
        ledger.mistake(place, text);
    }
    if is_size_known {
        check_reserves([&live, &high, &medium, &low], size, ledger);
    }
    Cache {
        path: path.map_or(default.path, |path| path.value),
        size,
        memory: memory.map_or(default.memory.min(size), |memory| memory.value),
        scrub: scrub.map_or(scrub_for(size), |scrub| scrub.value),
        write_budget: write_budget.map(|budget| budget.value),
        classes: weir_cache::Classes {
            live: live.rules,
            high: high.rules,
            medium: medium.rules,
            low: low.rules,
        },
    }
}

fn read_class(mut section: Section<'_>, default: ClassRules, ledger: &mut Ledger) -> ClassTable {
    let weight = section.integer("weight", (1, ClassRules::WEIGHT_MAX.into()), ledger);
    let reserve = section.text("reserve", ByteSize::parse, ledger);
    let ttl = section.text("ttl", ttl, ledger);
    let admission = section.text("admission", admission, ledger);
    section.finish(ledger);
    let rules = ClassRules {
        weight: weight
            .and_then(|weight| u8::try_from(weight).ok())
            .unwrap_or(default.weight),
        reserved_bytes: reserve.as_ref().map_or(0, |reserve| reserve.value.0),
        ttl: ttl.map(|ttl| ttl.value),
        admission: admission
            .as_ref()
            .map_or(default.admission, |admission| admission.value),
    };
    ClassTable {
        rules,
        reserve,
        admission,
    }
}

/// Notes a mistake if a live segment is to wait for a second request.
fn check_live(live: &ClassTable, ledger: &mut Ledger) {
    let admission = live.admission.as_ref();
    if let Some(admission) = admission.filter(|it| it.value == Admission::SecondRequest) {
        let text = "live segments are always written: remove it";
        ledger.mistake(&admission.place, text);
    }
}

/// Notes a mistake at the largest reservation if they leave too little.
fn check_reserves(tables: [&ClassTable; 4], size: ByteSize, ledger: &mut Ledger) {
    let reserves = tables.iter().filter_map(|table| table.reserve.as_ref());
    let sum = reserves
        .clone()
        .fold(0_u64, |sum, reserve| sum.saturating_add(reserve.value.0));
    let sum_max = ByteSize(size.0 / 4 * 3);
    let largest = reserves.max_by_key(|reserve| reserve.value);
    if let Some(largest) = largest.filter(|_| sum > sum_max.0) {
        let sum = ByteSize(sum);
        let text = format!(
            "the reservations add up to {sum}: lower them to at most {sum_max}, three quarters of \
             cache.size"
        );
        ledger.mistake(&largest.place, text);
    }
}

fn ttl(text: &str) -> Result<Duration, String> {
    let ttl = parse_duration(text)?;
    if ttl < TTL_MIN {
        return Err(format!("{ttl:?} is too short: write at least {TTL_MIN:?}"));
    }
    Ok(ttl)
}

fn admission(text: &str) -> Result<Admission, String> {
    match text {
        "always" => Ok(Admission::Always),
        "second-request" => Ok(Admission::SecondRequest),
        _ => {
            let text = quoted(text);
            Err(format!(
                "{text} is no admission: write always or second-request"
            ))
        }
    }
}

fn cache_size(text: &str) -> Result<ByteSize, String> {
    let size = ByteSize::parse(text)?;
    if size.0 < CACHE_BYTES_MIN {
        let min = ByteSize(CACHE_BYTES_MIN);
        return Err(format!("{size} is too small: write at least {min}"));
    }
    Ok(size)
}

/// The name of the cache with `suffix` behind it; that of the cache by default if it is a device.
pub(super) fn beside(cache: &Path, suffix: &str) -> PathBuf {
    let is_device = cache.starts_with("/dev");
    let cache = if is_device {
        Cache::default().path
    } else {
        cache.to_owned()
    };
    let mut name = cache.into_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn absolute_path(text: &str) -> Result<PathBuf, String> {
    path_in(text).ok_or_else(|| {
        let text = quoted(text);
        format!("{text} is no absolute path: write one, from /, of at most {PATH_BYTES_MAX} bytes")
    })
}

/// The path of a file that holds a secret. What is no path may be the secret itself, so it is not
/// shown.
pub(super) fn secret_path(text: &str) -> Result<PathBuf, String> {
    path_in(text).ok_or_else(|| {
        format!(
            "must be the absolute path of the file that holds the secret, from /, of at most \
             {PATH_BYTES_MAX} bytes"
        )
    })
}

fn path_in(text: &str) -> Option<PathBuf> {
    let path = PathBuf::from(text);
    let is_fit = path.is_absolute() && text.len() <= PATH_BYTES_MAX && !text.contains('\0');
    is_fit.then_some(path)
}
