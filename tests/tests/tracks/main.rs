//! The tracks of a rendition: its sound alone, its teletext as `WebVTT`, and all of them in its own
//! segments as they came.

mod audio;
mod on_air;
mod teletext;
