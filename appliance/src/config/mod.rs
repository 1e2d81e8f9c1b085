//! The configuration: TOML text in, checked values out, every mistake named at once.

mod types;

pub use types::{
    ByteSize, Cache, Channel, Config, Http, Management, Node, Origin, Priority, Receive, Rendition,
    Route, SegmentConfig, Source, Transport,
};
