//! Why an exchange failed, for people, for counters and for whoever decides what comes next.

use std::{io, time::Duration};

use crate::fetch::identity::LoopDetected;

/// A failed exchange. None of them leaves a connection behind that would be used again.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The request would go round in a circle.
    #[error("the request is not sent on")]
    Loop(#[from] LoopDetected),
    /// The request cannot be one to an origin: CONNECT, or a target without a path.
    #[error("the request has no form that an origin could be asked in")]
    Unsendable,
    /// Nobody knows the name of the endpoint.
    #[error("cannot find the endpoint")]
    Resolve(#[source] weir_hal::Error),
    /// None of its addresses takes a connection.
    #[error("cannot reach the endpoint")]
    Connect(#[source] weir_hal::Error),
    /// No connection stood in time.
    #[error("no connection stood within {within:?}")]
    ConnectTimedOut {
        /// The limit.
        within: Duration,
    },
    /// All connections that may be open are in use, and none became free in time.
    #[error("all {max} connections are in use")]
    Busy {
        /// The limit.
        max: usize,
    },
    /// The endpoint is not who it should be, or speaks no TLS that we do.
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    /// The connection ended before the head of a response was there.
    #[error("the connection broke before an answer")]
    Closed(#[source] hyper::Error),
    /// The head of the response was not there in time.
    #[error("no answer began within {within:?}")]
    FirstByteTimedOut {
        /// The limit.
        within: Duration,
    },
    /// What came is not HTTP/1.
    #[error("the answer is malformed")]
    Malformed(#[source] hyper::Error),
    /// The head of the response is too long, or has too many fields.
    #[error("the head of the answer is too long")]
    HeadTooLarge(#[source] hyper::Error),
    /// The response can be understood in two ways, or in one that we do not speak.
    #[error("the answer is ambiguous: {0}")]
    Ambiguous(Ambiguity),
    /// The body is longer than one may be.
    #[error("the answer is longer than {bytes_max} bytes")]
    TooLong {
        /// The limit.
        bytes_max: u64,
    },
    /// No bytes of the body came in time.
    #[error("no bytes came for {within:?}")]
    Stalled {
        /// The limit.
        within: Duration,
    },
    /// The body ended before the length that was announced.
    #[error("the answer is {bytes_missing} bytes short")]
    Short {
        /// Bytes that were announced and did not come.
        bytes_missing: u64,
    },
    /// The connection broke, or the chunks did, in the middle of the body.
    #[error("the answer broke off")]
    Broken(#[source] hyper::Error),
    /// The body of the request could not be read to its end.
    #[error("the body of the request broke off")]
    Upload(#[source] hyper::Error),
}

/// In which way a response is not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ambiguity {
    /// It has both Content-Length and Transfer-Encoding (RFC 9112 §6.3).
    LengthAndEncoding,
    /// It has Content-Length more than once, even if all agree.
    SeveralLengths,
    /// Its Transfer-Encoding is not `chunked` alone.
    Encoding,
    /// It has a Transfer-Encoding where there can be no body, or before HTTP/1.1.
    EncodingForbidden,
    /// It is 206, and says neither which part it is nor that it is several.
    Part,
    /// It is 304, and no condition was sent.
    UnaskedNotModified,
    /// It is 206, and no Range was sent.
    UnaskedPart,
    /// It switches protocols, which it was not asked to.
    Upgrade,
    /// More than 16 interim responses came before it.
    InterimFlood,
}

impl Ambiguity {
    /// One clause for a person.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LengthAndEncoding => "it has Content-Length and Transfer-Encoding",
            Self::SeveralLengths => "it has several Content-Length fields",
            Self::Encoding => "its Transfer-Encoding is not chunked alone",
            Self::EncodingForbidden => "its Transfer-Encoding must not be there",
            Self::Part => "it is a part and does not say which",
            Self::UnaskedNotModified => "it is 304 and nothing was asked on a condition",
            Self::UnaskedPart => "it is a part and all was asked for",
            Self::Upgrade => "it switches protocols unasked",
            Self::InterimFlood => "it is preceded by a flood of interim responses",
        }
    }
}

impl std::fmt::Display for Ambiguity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The kinds of failure that are told apart by counters, logs and choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureKind {
    /// It was not sent, because of what it is.
    Refused,
    /// The name has no address.
    Resolve,
    /// No connection.
    Connect,
    /// No connection in time.
    ConnectTimeout,
    /// No connection free.
    Busy,
    /// No TLS.
    Tls,
    /// No answer.
    Closed,
    /// No answer in time.
    FirstByteTimeout,
    /// An answer that breaks HTTP, or a limit.
    Malformed,
    /// A body that stopped coming.
    Stall,
    /// A body that broke off or was short.
    Broken,
    /// The client broke off.
    Upload,
}

impl FailureKind {
    /// A stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect-timeout",
            Self::Busy => "busy",
            Self::Tls => "tls",
            Self::Closed => "closed",
            Self::FirstByteTimeout => "first-byte-timeout",
            Self::Malformed => "malformed",
            Self::Stall => "stall",
            Self::Broken => "broken",
            Self::Upload => "upload",
        }
    }

    /// Whether the origin can have seen nothing of the request.
    pub const fn is_before_request(self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::Resolve
                | Self::Connect
                | Self::ConnectTimeout
                | Self::Busy
                | Self::Tls
        )
    }

    /// Whether a limit of time was met, which a client is told by 504 instead of 502.
    pub const fn is_timeout(self) -> bool {
        matches!(
            self,
            Self::ConnectTimeout | Self::FirstByteTimeout | Self::Stall
        )
    }
}

impl ExchangeError {
    /// Its kind.
    pub const fn kind(&self) -> FailureKind {
        match self {
            Self::Loop(_) | Self::Unsendable => FailureKind::Refused,
            Self::Resolve(_) => FailureKind::Resolve,
            Self::Connect(_) => FailureKind::Connect,
            Self::ConnectTimedOut { .. } => FailureKind::ConnectTimeout,
            Self::Busy { .. } => FailureKind::Busy,
            Self::Tls(_) => FailureKind::Tls,
            Self::Closed(_) => FailureKind::Closed,
            Self::FirstByteTimedOut { .. } => FailureKind::FirstByteTimeout,
            Self::Malformed(_)
            | Self::HeadTooLarge(_)
            | Self::Ambiguous(_)
            | Self::TooLong { .. } => FailureKind::Malformed,
            Self::Stalled { .. } => FailureKind::Stall,
            Self::Short { .. } | Self::Broken(_) => FailureKind::Broken,
            Self::Upload(_) => FailureKind::Upload,
        }
    }
}
