//! The keys of `[http]` that begin with `access_log`.

use super::{
    AccessLog, ByteSize, LogFormat, LogTarget,
    cache::absolute_path,
    mistake::{Ledger, quoted},
    section::Section,
};

/// Requests of which one is logged, at most.
const SAMPLE_MAX: u64 = 1_000_000;

/// Files of a log, the present one among them.
const FILES_MAX: u64 = 100;

/// Bytes of one file.
const SIZE_MIN: ByteSize = ByteSize(64 << 10);

/// The keys that say nothing without `access_log`.
const DETAILS: [&str; 4] = [
    "access_log_format",
    "access_log_sample",
    "access_log_size",
    "access_log_files",
];

/// Reads how requests are logged, if they are.
pub(super) fn read_access_log(section: &mut Section<'_>, ledger: &mut Ledger) -> Option<AccessLog> {
    let target = section.text("access_log", target, ledger);
    let default = AccessLog::default();
    let format = section.text("access_log_format", format, ledger);
    let sample = section.integer("access_log_sample", (1, SAMPLE_MAX), ledger);
    let size = section.text("access_log_size", size, ledger);
    let files = section.integer("access_log_files", (1, FILES_MAX), ledger);
    if !section.has("access_log") {
        for key in DETAILS.into_iter().filter(|key| section.has(key)) {
            let text = "says nothing without access_log: add it, or remove this";
            ledger.warning(&section.place_of(key), text);
        }
    }
    Some(AccessLog {
        target: target?.value,
        format: format.map_or(default.format, |format| format.value),
        sample: sample.unwrap_or(default.sample),
        size: size.map_or(default.size, |size| size.value),
        files: files
            .and_then(|files| u32::try_from(files).ok())
            .unwrap_or(default.files),
    })
}

fn target(text: &str) -> Result<LogTarget, String> {
    match text {
        "stdout" => Ok(LogTarget::StandardOutput),
        _ => absolute_path(text)
            .map(LogTarget::File)
            .map_err(|error| format!("{error}, or \"stdout\"")),
    }
}

fn format(text: &str) -> Result<LogFormat, String> {
    match text {
        "json" => Ok(LogFormat::Json),
        "common" => Ok(LogFormat::Common),
        "combined" => Ok(LogFormat::Combined),
        _ => {
            let text = quoted(text);
            Err(format!(
                "{text} is no format: write json, common or combined"
            ))
        }
    }
}

fn size(text: &str) -> Result<ByteSize, String> {
    let size = ByteSize::parse(text)?;
    if size < SIZE_MIN {
        return Err(format!("{size} is too small: write at least {SIZE_MIN}"));
    }
    Ok(size)
}
