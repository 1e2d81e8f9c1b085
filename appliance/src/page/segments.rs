//! The latest segments of a list, out of the list that players are given.

use maud::{Markup, html};

use crate::{live::Rendition, page::Language};

/// Segments that are shown.
const SHOWN_MAX: usize = 6;

/// One segment of a list.
#[derive(Debug, Default, PartialEq, Eq)]
struct Segment<'a> {
    name: &'a str,
    duration_s: &'a str,
    has_gap: bool,
}

pub(super) fn segments(rendition: &Rendition, language: &Language) -> Markup {
    let playlist = rendition.playlist();
    let text = playlist
        .as_ref()
        .map(|it| String::from_utf8_lossy(&it.body));
    let listed = text.as_deref().map(read).unwrap_or_default();
    html! {
        h3 { (rendition.name) }
        @if listed.is_empty() {
            p class="dim" { (language.no_segments) }
        } @else {
            table class="segments" {
                thead { tr {
                    th scope="col" { (language.name_of) }
                    th scope="col" { (language.duration) }
                } }
                tbody {
                    @for segment in listed.iter().rev().take(SHOWN_MAX) {
                        tr {
                            td {
                                (segment.name)
                                @if segment.has_gap { " " small class="poor" { (language.gap) } }
                            }
                            td { (duration(segment.duration_s)) }
                        }
                    }
                }
            }
        }
    }
}

/// Seconds to the hundredth; as it is listed, if that is no number.
fn duration(seconds: &str) -> String {
    let told = seconds
        .parse::<f64>()
        .map(|seconds| format!("{seconds:.2} s"));
    told.unwrap_or_else(|_| seconds.to_owned())
}

/// Reads a Media Playlist.
fn read(text: &str) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let mut next = Segment::default();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("#EXTINF:") {
            next.duration_s = rest.split(',').next().unwrap_or_default();
        } else if line == "#EXT-X-DISCONTINUITY" {
            next.has_gap = true;
        } else if !line.is_empty() && !line.starts_with('#') {
            // Parameters name the client, and all of a list is in one folder.
            let path = line.split('?').next().unwrap_or_default();
            next.name = path.rsplit('/').next().unwrap_or_default();
            segments.push(std::mem::take(&mut next));
        }
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_read_as_they_are_listed() {
        let text =
            "#EXTM3U\n#EXTINF:6.000,\nR/1.ts?x=1\n#EXT-X-DISCONTINUITY\n#EXTINF:5.5,t\n2.ts\n";
        let segment = |name, duration_s, has_gap| Segment {
            name,
            duration_s,
            has_gap,
        };
        let expected = [
            segment("1.ts", "6.000", false),
            segment("2.ts", "5.5", true),
        ];
        assert_eq!(read(text), expected);
        assert_eq!(read(""), []);
        assert_eq!(duration("6.006000"), "6.01 s");
        assert_eq!(duration("x"), "x");
    }
}
