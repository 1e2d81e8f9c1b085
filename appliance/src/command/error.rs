//! Why a command ends without its result, and the exit code that says so to scripts.
//!
//! Source of the codes: `sysexits.h` (BSD).

use std::{io, path::PathBuf};

use super::{
    analyze::AnalyzeError, management::ManagementError, prewarm::PrewarmError, probe::ProbeError,
    recorder::RecorderError, segment, validate::ValidateError,
};
use crate::{
    app::AppError, config::LoadError, demo::DemoError, send, serve::tls::CertificateError,
    snmp::SnmpError, validate::follow::FollowError,
};

/// How a command ended, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// The work is done.
    Done = 0,
    /// The appliance that was asked is degraded or has failed.
    Unwell = 1,
    /// The command line cannot be obeyed (`EX_USAGE`).
    Usage = 64,
    /// What was looked at breaks its standard (`EX_DATAERR`).
    Data = 65,
    /// A port, group or interface is not to be had (`EX_UNAVAILABLE`).
    Unavailable = 69,
    /// A file cannot be read or written, or is not what it should be (`EX_IOERR`).
    Io = 74,
    /// The configuration has mistakes (`EX_CONFIG`).
    Configuration = 78,
}

/// Why a command gave up.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The arguments are well formed, but ask for what cannot be.
    #[error("{0}")]
    Usage(String),
    /// The configuration file gives no configuration.
    #[error(transparent)]
    Configuration(#[from] LoadError),
    /// The operating system refused.
    #[error(transparent)]
    Hal(#[from] weir_hal::Error),
    /// The appliance cannot start.
    #[error(transparent)]
    App(#[from] AppError),
    /// There are no certificates.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// Some certificates are of no use.
    #[error("{pairs} of the certificates in {} cannot be used", directory.display())]
    Pairs {
        /// Where they are.
        directory: PathBuf,
        /// How many.
        pairs: usize,
    },
    /// The system has no room for threads or signals.
    #[error("cannot start: raise the process limit")]
    Runtime(#[source] io::Error),
    /// There is no transport stream to analyze.
    #[error(transparent)]
    Analyze(#[from] AnalyzeError),
    /// A file cannot be segmented.
    #[error(transparent)]
    Segment(#[from] segment::Error),
    /// A file cannot be sent.
    #[error(transparent)]
    Send(#[from] send::Error),
    /// The demo cannot run.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// There is no live stream to measure.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// A service breaks rules of HLS, or there is none to follow.
    #[error(transparent)]
    Validate(#[from] ValidateError),
    /// A running appliance does not answer, or does not obey.
    #[error(transparent)]
    Management(#[from] ManagementError),
    /// Not all is in the cache that was to be.
    #[error(transparent)]
    Prewarm(#[from] PrewarmError),
    /// What the flight recorder kept cannot be shown.
    #[error(transparent)]
    Recorder(#[from] RecorderError),
    /// The appliance that was asked is not well.
    #[error("{node}: {status}: {reason}")]
    Unwell {
        /// Its name.
        node: String,
        /// How it is, in its own word.
        status: String,
        /// Why.
        reason: String,
    },
    /// There is no cache that can be looked at.
    #[error(transparent)]
    Cache(#[from] weir_cache::Error),
    /// Some objects of the cache are damaged.
    #[error(
        "{objects} of the objects in {} would be dropped: they are damaged or cannot be read",
        path.display()
    )]
    Dropped {
        /// How many.
        objects: usize,
        /// The cache.
        path: PathBuf,
    },
    /// The cache has no object of that name.
    #[error(
        "there is no {key} in the cache in {}: `weir cache list` tells what there is",
        path.display()
    )]
    NoObject {
        /// The name, fit to be shown.
        key: String,
        /// The cache.
        path: PathBuf,
    },
    /// An object of the cache cannot be had.
    #[error("cannot export {key} from the cache in {}", path.display())]
    Flawed {
        /// The name, fit to be shown.
        key: String,
        /// The cache.
        path: PathBuf,
        /// Why.
        #[source]
        flaw: weir_cache::Flaw,
    },
    /// Standard input cannot be read.
    #[error("cannot read standard input")]
    Input(#[source] io::Error),
    /// Standard output takes nothing more.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}

impl CommandError {
    /// The exit code for this failure.
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Usage(_)
            | Self::Segment(segment::Error::NoProgram { .. })
            | Self::Management(ManagementError::NoUrl(_))
            | Self::Validate(ValidateError::Follow(FollowError::Url(_)))
            | Self::Recorder(RecorderError::NoSeries(_))
            | Self::Prewarm(PrewarmError::Nothing(_)) => ExitStatus::Usage,
            Self::Configuration(LoadError::Refused { .. }) | Self::Pairs { .. } => {
                ExitStatus::Configuration
            }
            Self::Validate(ValidateError::Violations { .. }) => ExitStatus::Data,
            Self::Unwell { .. } => ExitStatus::Unwell,
            Self::Certificates(error) => certificate_status(error),
            Self::Configuration(LoadError::Read(error))
            | Self::Hal(error)
            | Self::Analyze(AnalyzeError::Disk(error))
            | Self::Segment(segment::Error::Hal(error))
            | Self::Demo(DemoError::Hal(error)) => hal_status(error),
            Self::App(error) | Self::Demo(DemoError::App(error)) => app_status(error),
            Self::Send(error) | Self::Demo(DemoError::Send(error)) => send_status(error),
            Self::Demo(DemoError::Thread(_))
            | Self::Runtime(_)
            | Self::Probe(_)
            | Self::Validate(_)
            | Self::NoObject { .. }
            | Self::Management(_)
            | Self::Prewarm(PrewarmError::Missing { .. } | PrewarmError::Cancelled { .. }) => {
                ExitStatus::Unavailable
            }
            Self::Analyze(_)
            | Self::Segment(_)
            | Self::Cache(_)
            | Self::Prewarm(_)
            | Self::Recorder(_)
            | Self::Dropped { .. }
            | Self::Flawed { .. }
            | Self::Input(_)
            | Self::Output(_) => ExitStatus::Io,
        }
    }

    /// Whether the reader of standard output has seen enough (`weir … | head`): no failure at all.
    pub fn is_reader_gone(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

fn app_status(error: &AppError) -> ExitStatus {
    match error {
        AppError::Listen { .. } | AppError::Thread(_) => ExitStatus::Unavailable,
        AppError::Certificates(error) => certificate_status(error),
        AppError::Origin(_)
        | AppError::Access(_)
        | AppError::Gate(_)
        | AppError::Keys(_)
        | AppError::Syslog(_)
        | AppError::Sources(_)
        | AppError::Store(
            weir_cache::Error::TooSmall { .. }
            | weir_cache::Error::TooFewRegions { .. }
            | weir_cache::Error::Unfit { .. },
        ) => ExitStatus::Configuration,
        AppError::Store(_) => ExitStatus::Io,
        AppError::Snmp(error) => snmp_status(error),
    }
}

fn snmp_status(error: &SnmpError) -> ExitStatus {
    match error {
        SnmpError::Secret(_) | SnmpError::ShortSecret { .. } | SnmpError::User { .. } => {
            ExitStatus::Configuration
        }
        SnmpError::Engine(_) => ExitStatus::Io,
        SnmpError::Random | SnmpError::Listen { .. } => ExitStatus::Unavailable,
    }
}

fn certificate_status(error: &CertificateError) -> ExitStatus {
    match error {
        CertificateError::Cryptography(_) | CertificateError::Make(_) => ExitStatus::Unavailable,
        CertificateError::Keep { .. } => ExitStatus::Io,
        CertificateError::Directory { .. }
        | CertificateError::None(_)
        | CertificateError::TooMany(_)
        | CertificateError::Unusable { .. } => ExitStatus::Configuration,
    }
}

fn send_status(error: &send::Error) -> ExitStatus {
    match error {
        send::Error::Send { .. } => ExitStatus::Unavailable,
        send::Error::Destination { .. } => ExitStatus::Usage,
        send::Error::Read { .. }
        | send::Error::Unpaced { .. }
        | send::Error::Capture { .. }
        | send::Error::NoDatagram { .. } => ExitStatus::Io,
    }
}

fn hal_status(error: &weir_hal::Error) -> ExitStatus {
    match error {
        weir_hal::Error::Socket { .. }
        | weir_hal::Error::Resolve { .. }
        | weir_hal::Error::NoInterface { .. } => ExitStatus::Unavailable,
        weir_hal::Error::Disk { .. } | weir_hal::Error::Sensor { .. } => ExitStatus::Io,
    }
}
