//! What others need to know their objects again: nginx, and a plain walk over one file an object.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use weir_hal::{Access, Disk, linux};

use crate::{
    Outcome, machine,
    rig::{self, PATIENCE, Watch, milliseconds, row},
    start::per_object,
};

const FILES: u64 = 100_000;
const FILE_BYTES: usize = 4096;
/// nginx waits as long before its loader begins.
const LOADER_DELAY: Duration = Duration::from_mins(1);
/// What nginx says when its loader is done.
const LOADED: &str = "http file cache:";

pub(crate) fn section(directory: &Path) -> Outcome {
    rig::title(&format!("the same of others, {FILES} files of one page"));
    let tree = directory.join("tree");
    make_tree(&tree)?;
    for how in ["names in memory", "nothing in memory"] {
        if how == "nothing in memory" && !machine::drop_caches() {
            row("one file an object, nothing in memory", "needs root");
            continue;
        }
        let watch = Watch::start();
        let files = walk(&tree)?;
        let figures = format!(
            "{} for readdir, stat and open of {files} files, {}",
            milliseconds(watch.elapsed()),
            per_object(watch.elapsed(), files)
        );
        row(&format!("one file an object, {how}"), &figures);
    }
    nginx(directory, &tree)
}

/// Names as nginx gives them: the last digits of the hash are two levels of directories.
fn name(number: u64) -> String {
    let digits = format!(
        "{:032x}",
        u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060)
    );
    let (rest, last) = digits.split_at(31);
    let (_, before) = rest.split_at(29);
    format!("{last}/{before}/{digits}")
}

fn make_tree(tree: &Path) -> Outcome {
    let disk = linux::Disk::new();
    let bytes = [7; FILE_BYTES];
    for number in 0..FILES {
        let path = tree.join(name(number));
        if let Some(parent) = path.parent() {
            disk.create_directory(parent)?;
        }
        disk.open(&path, Access::Create)?.write_at(&bytes, 0)?;
    }
    Ok(())
}

fn walk(directory: &Path) -> Result<u64, Box<dyn std::error::Error>> {
    let disk = linux::Disk::new();
    let mut files = 0;
    for entry in disk.list(directory)? {
        if entry.kind == weir_hal::FileKind::Directory {
            files += walk(&entry.path)?;
        } else {
            drop(disk.open(&entry.path, Access::Read)?);
            files += 1;
        }
    }
    Ok(files)
}

/// Starts nginx twice at once: as it comes, and with a loader that never rests.
fn nginx(directory: &Path, tree: &Path) -> Outcome {
    let settings = [
        ("nginx as it comes", ""),
        (
            "nginx, loader flat out",
            "loader_files=1000000 loader_threshold=60s loader_sleep=0",
        ),
    ];
    let watch = Watch::start();
    let mut running = Vec::new();
    for (number, (what, loader)) in settings.into_iter().enumerate() {
        let own = directory.join(format!("nginx-{number}"));
        running.push((what, own.clone(), start_nginx(&own, tree, loader)?));
    }
    while !running.is_empty() && watch.elapsed() < PATIENCE {
        rig::pause(Duration::from_millis(20));
        let (done, rest) = running.into_iter().partition(|(_, own, _)| has_loaded(own));
        running = rest;
        let done: Vec<(&str, PathBuf, Child)> = done;
        for (what, own, child) in done {
            let loading = watch.elapsed().saturating_sub(LOADER_DELAY);
            let figures = format!(
                "{} after its start, {} of loading, {}",
                milliseconds(watch.elapsed()),
                milliseconds(loading),
                per_object(loading, FILES)
            );
            row(what, &figures);
            stop_nginx(&own, child)?;
        }
    }
    for (what, own, child) in running {
        row(what, "has not loaded all in five minutes");
        stop_nginx(&own, child)?;
    }
    Ok(())
}

fn start_nginx(own: &Path, tree: &Path, loader: &str) -> Result<Child, Box<dyn std::error::Error>> {
    let disk = linux::Disk::new();
    disk.create_directory(own)?;
    let (tree, here) = (tree.display(), own.display());
    let text = format!(
        "user root;\ndaemon off;\nworker_processes 1;\npid {here}/pid;\n\
         error_log {here}/error.log notice;\nevents {{}}\nhttp {{\n\
         access_log off;\n\
         proxy_cache_path {tree} levels=1:2 keys_zone=a:64m max_size=10g inactive=1d {loader};\n\
         server {{ listen unix:{here}/socket; location / {{ proxy_cache a; \
         proxy_pass http://127.0.0.1:9; }} }}\n}}\n"
    );
    let file = disk.open(&own.join("nginx.conf"), Access::Create)?;
    file.write_at(text.as_bytes(), 0)?;
    let child = nginx_command(own)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    child.map_err(|error| format!("nginx (Debian package nginx-light): {error}").into())
}

fn nginx_command(own: &Path) -> Command {
    let mut command = Command::new("nginx");
    command
        .arg("-p")
        .arg(own)
        .arg("-c")
        .arg(own.join("nginx.conf"));
    command.arg("-e").arg(own.join("error.log"));
    command
}

fn stop_nginx(own: &Path, mut child: Child) -> Outcome {
    machine::run(nginx_command(own).args(["-s", "stop"]))?;
    child.wait()?;
    Ok(())
}

fn has_loaded(own: &Path) -> bool {
    let log = linux::Disk::new().open(&own.join("error.log"), Access::Read);
    let Ok(log) = log else {
        return false;
    };
    let mut bytes = vec![0; 64 << 10];
    let filled = log.read_at(&mut bytes, 0).unwrap_or(0);
    bytes.truncate(filled);
    String::from_utf8_lossy(&bytes).contains(LOADED)
}
