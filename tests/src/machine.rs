//! A box made of software: the image in QEMU, started by its firmware, with a network interface
//! to players and technicians and one that streams come in by.
//!
//! There is no KVM to rely on, so everything is emulated, and slow.

use std::{
    fs::{self, File},
    io::Write,
    net::{Ipv4Addr, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tempfile::TempDir;

use crate::{
    daemon::free_port,
    process::{Process, peer},
};

/// What the box calls the interface that streams come in by.
pub const STREAMS: &str = "enp0s5";

/// The disk that the image is flashed to, in bytes.
const DISK_BYTES: u64 = 2 << 30;

/// Where the EFI system partition begins in the image, as mtools are told.
const SYSTEM_OFFSET: &str = "@@1M";

/// Firmware of Debian's package ovmf.
const FIRMWARE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// Boxes are on one after another: each takes all the cores that there are.
static ALONE: Mutex<()> = Mutex::new(());

/// Largest datagram that is passed on.
const DATAGRAM_BYTES_MAX: usize = 1472;

/// How often the thread that passes datagrams on looks whether it should end.
const LOOK: Duration = Duration::from_millis(100);

/// A disk with the image on it, and the memory of its firmware.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

/// A box that is on. Dropping it cuts its power.
#[derive(Debug)]
pub struct Machine {
    /// QEMU.
    pub process: Process,
    /// Port on this machine that leads to port 80 of the box.
    pub data: u16,
    /// The same of port 8080.
    pub management: u16,
    console: PathBuf,
    streams: (u16, u16),
    _alone: MutexGuard<'static, ()>,
}

/// Sends datagrams into a box until it is dropped.
#[derive(Debug)]
pub struct Feed {
    /// Send to this port of 127.0.0.1 what the box is to get.
    pub port: u16,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The development image of the point of presence, which `image/build --dev` makes.
///
/// # Panics
/// When it has not been built.
pub fn built_image() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = tests.parent().expect("tests/ lies in the root");
    let name = format!("weir-pop-{}-dev.img", env!("CARGO_PKG_VERSION"));
    let image = tree.join("target/image").join(name);
    assert!(
        image.is_file(),
        "{} is missing: run image/build --dev",
        image.display()
    );
    image
}

impl Disk {
    /// Flashes `image` and puts `configuration` on the partition that any computer can write.
    pub fn flashed(image: &Path, configuration: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let disk = Self { folder };
        peer(
            Command::new("cp")
                .arg("--sparse=always")
                .args([image, &disk.file()]),
        );
        let file = File::options().write(true).open(disk.file());
        let file = file.expect("the disk is ours");
        file.set_len(DISK_BYTES).expect("the disk has holes");
        fs::copy(VARIABLES, disk.folder.path().join("variables")).expect("ovmf is installed");
        disk.write("weir.toml", configuration);
        disk
    }

    /// The disk itself.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("disk.img")
    }

    /// Writes a file of the EFI system partition while the box is off.
    pub fn write(&self, name: &str, text: &str) {
        let file = self.folder.path().join("written");
        fs::write(&file, text).expect("the folder is ours");
        let mut copy = Command::new("mcopy");
        peer(
            copy.arg("-o")
                .args(["-i", &self.system_partition()])
                .arg(file)
                .arg(format!("::{name}")),
        );
    }

    /// Renames a file of the EFI system partition while the box is off.
    pub fn rename(&self, path: &str, name: &str) {
        let mut rename = Command::new("mren");
        rename.args(["-i", &self.system_partition()]);
        peer(rename.arg(format!("::{path}")).arg(name));
    }

    /// Names in a folder of the EFI system partition while the box is off.
    pub fn list(&self, folder: &str) -> Vec<String> {
        let mut list = Command::new("mdir");
        list.args(["-b", "-i", &self.system_partition()]);
        let text = peer(list.arg(format!("::{folder}")));
        let names = text.lines().filter_map(|line| line.rsplit('/').next());
        names.map(str::to_owned).collect()
    }

    /// Switches the box on, once every other one is off.
    pub fn boot(&self) -> Machine {
        // A test that failed with its box has switched it off.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let [data, management] = [free_port(), free_port()];
        let streams = (free_udp_port(), free_udp_port());
        let console = self.folder.path().join("console");
        let mut qemu = Command::new("qemu-system-x86_64");
        let firmware = |file: &Path, options: &str| {
            let file = file.display();
            format!("if=pflash,format=raw,file={file}{options}")
        };
        let variables = self.folder.path().join("variables");
        qemu.args(["-machine", "q35", "-accel", "tcg,thread=multi", "-smp", "2"])
            .args(["-cpu", "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt", "-m", "512"])
            .args(["-nodefaults", "-display", "none", "-no-user-config"])
            .args(["-drive", &firmware(Path::new(FIRMWARE), ",readonly=on")])
            .args(["-drive", &firmware(&variables, "")])
            .arg("-serial")
            .arg(format!("file:{}", console.display()))
            .arg("-drive")
            .arg(format!(
                "if=none,id=disk,format=raw,file={}",
                self.file().display()
            ))
            .args(["-device", "virtio-blk-pci,drive=disk,addr=0x3"])
            .arg("-netdev")
            .arg(format!(
                "user,id=players,hostfwd=tcp:127.0.0.1:{data}-:80,\
                 hostfwd=tcp:127.0.0.1:{management}-:8080"
            ))
            .args(["-device", "virtio-net-pci,netdev=players,romfile=,addr=0x4"])
            .arg("-netdev")
            .arg(format!(
                "dgram,id=streams,local.type=inet,local.host=127.0.0.1,local.port={},\
                 remote.type=inet,remote.host=127.0.0.1,remote.port={}",
                streams.0, streams.1
            ))
            .args(["-device", "virtio-net-pci,netdev=streams,romfile=,addr=0x5"])
            .args(["-device", "i6300esb", "-action", "watchdog=reset"])
            .args(["-device", "virtio-rng-pci"])
            .args(["-uuid", "7e1e5ce0-0000-4000-8000-00000000beef"]);
        Machine {
            process: Process::start(qemu),
            data,
            management,
            console,
            streams,
            _alone: alone,
        }
    }

    /// What mtools call the EFI system partition.
    fn system_partition(&self) -> String {
        format!("{}{SYSTEM_OFFSET}", self.file().display())
    }
}

impl Machine {
    /// A URL of the data listener.
    pub fn data(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.data)
    }

    /// A URL of the management listener.
    pub fn management(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.management)
    }

    /// All that the console has shown.
    pub fn console(&self) -> String {
        let bytes = fs::read(&self.console).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Passes datagrams on into the box, as multicast to `group`.
    pub fn feed(&self, group: Ipv4Addr, port: u16) -> Feed {
        let inner = UdpSocket::bind("127.0.0.1:0").expect("loopback has ports");
        let outer = UdpSocket::bind(("127.0.0.1", self.streams.1)).expect("the port is free");
        outer
            .connect(("127.0.0.1", self.streams.0))
            .expect("loopback is reachable");
        inner
            .set_read_timeout(Some(LOOK))
            .expect("it is no zero time");
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let own = inner.local_addr().expect("it is bound").port();
        let thread = thread::spawn(move || {
            let mut datagram = [0; DATAGRAM_BYTES_MAX];
            while !seen.load(Ordering::Relaxed) {
                let Ok(bytes) = inner.recv(&mut datagram) else {
                    continue;
                };
                // A box that is off gets nothing, as on any wire.
                drop(outer.send(&frame(group, port, &datagram[..bytes])));
            }
        });
        Feed {
            port: own,
            is_over,
            thread: Some(thread),
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn free_udp_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has ports");
    socket.local_addr().expect("it is bound").port()
}

/// An Ethernet frame with `payload` in UDP to `group` (RFC 894, 1112, 791, 768).
fn frame(group: Ipv4Addr, port: u16, payload: &[u8]) -> Vec<u8> {
    let [_, second, third, fourth] = group.octets();
    let bytes = |length: usize| u16::try_from(length).expect("a datagram is short");
    let mut header = Vec::with_capacity(20);
    header.extend([0x45, 0]);
    header.extend(bytes(28 + payload.len()).to_be_bytes());
    header.extend([0, 0, 0x40, 0, 4, 17, 0, 0]);
    header.extend([10, 0, 9, 1]);
    header.extend(group.octets());
    let checksum = internet_checksum(&header);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    let mut frame = Vec::with_capacity(42 + payload.len());
    frame.extend([1, 0, 0x5e, second & 0x7f, third, fourth]);
    frame.extend([2, 0, 0, 0, 9, 1, 8, 0]);
    frame.extend(header);
    for field in [port, port, bytes(8 + payload.len()), 0] {
        frame.extend(field.to_be_bytes());
    }
    frame.write_all(payload).expect("memory takes it");
    frame
}

fn internet_checksum(header: &[u8]) -> u16 {
    let words = header.chunks_exact(2);
    let sum: u32 = words
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).expect("ten words carry twice at most")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of the example in RFC 1071's spirit: its sum with the checksum is all ones.
    #[test]
    fn a_frame_is_what_a_network_carries() {
        let frame = frame(Ipv4Addr::new(239, 129, 1, 2), 1234, b"abc");
        assert_eq!(frame[..6], [1, 0, 0x5e, 1, 1, 2]);
        assert_eq!(frame.len(), 14 + 20 + 8 + 3);
        assert_eq!(internet_checksum(&frame[14..34]), 0);
    }
}
