//! Which coding a client wants.
//!
//! Source: RFC 9110 §12.5.3 (Accept-Encoding), §12.4.2 (quality values). What cannot be read of
//! the field is passed over. Pure.

use hyper::{HeaderMap, header::ACCEPT_ENCODING};

/// Weights in thousandths.
const WEIGHT_MAX: u16 = 1_000;

/// How a body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952
    Gzip,
    /// RFC 8878
    Zstd,
    /// RFC 7932
    Brotli,
}

impl Coding {
    /// What is compressed, in order of preference: Brotli makes the smallest playlists, gzip is
    /// there for everybody else.
    const COMPRESSED: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// The name in `Accept-Encoding` and `Content-Encoding`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Brotli => "br",
        }
    }
}

/// What a field says of each coding.
#[derive(Debug, Default)]
struct Weights {
    named: [Option<u16>; 4],
    others: Option<u16>,
}

impl Weights {
    fn of(headers: &HeaderMap) -> Self {
        let mut weights = Self::default();
        let fields = headers.get_all(ACCEPT_ENCODING).iter();
        let lists = fields.filter_map(|field| field.to_str().ok());
        for member in lists.flat_map(|list| list.split(',')) {
            let (name, parameters) = member.split_once(';').unwrap_or((member, ""));
            let Some(weight) = weight(parameters) else {
                continue;
            };
            let place = match name.trim_ascii().to_ascii_lowercase().as_str() {
                "*" => &mut weights.others,
                "identity" => weights.place(Coding::Identity),
                "gzip" | "x-gzip" => weights.place(Coding::Gzip),
                "zstd" => weights.place(Coding::Zstd),
                "br" => weights.place(Coding::Brotli),
                _ => continue,
            };
            // The first of two counts.
            place.get_or_insert(weight);
        }
        weights
    }

    const fn place(&mut self, coding: Coding) -> &mut Option<u16> {
        let [identity, gzip, zstd, brotli] = &mut self.named;
        match coding {
            Coding::Identity => identity,
            Coding::Gzip => gzip,
            Coding::Zstd => zstd,
            Coding::Brotli => brotli,
        }
    }

    /// What is not named has the weight of all others; what is not there at all, none.
    fn weight(&mut self, coding: Coding) -> u16 {
        let others = self.others;
        self.place(coding).or(others).unwrap_or(0)
    }

    /// As it is, it is welcome unless it is said not to be, and then as little as can be.
    fn identity(&mut self) -> u16 {
        let others = self.others.filter(|weight| *weight == 0);
        self.place(Coding::Identity).or(others).unwrap_or(1)
    }
}

/// The coding that a client wants most; as it is, where it says nothing, or wants nothing of this.
pub fn accepted(headers: &HeaderMap) -> Coding {
    let mut weights = Weights::of(headers);
    let identity = weights.identity();
    let (mut best, mut best_weight) = (Coding::Identity, 0);
    for coding in Coding::COMPRESSED {
        let weight = weights.weight(coding);
        if weight > best_weight {
            (best, best_weight) = (coding, weight);
        }
    }
    if best_weight >= identity {
        best
    } else {
        Coding::Identity
    }
}

/// The `q` of a member in thousandths, 1 if it has none; `None` if that cannot be read.
fn weight(parameters: &str) -> Option<u16> {
    let mut weight = WEIGHT_MAX;
    for parameter in parameters.split(';').map(str::trim_ascii) {
        let value = parameter
            .strip_prefix("q=")
            .or_else(|| parameter.strip_prefix("Q="));
        weight = value.map_or(Some(weight), thousandths)?;
    }
    Some(weight)
}

/// `0`, `0.25`, `1`, `1.000`: at most three decimals, at most 1.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let is_fit = matches!(whole, "0" | "1")
        && decimals.len() <= 3
        && decimals.bytes().all(|digit| digit.is_ascii_digit());
    let padded = format!("{whole}{decimals:0<3}");
    let weight = padded.parse().ok().filter(|_| is_fit)?;
    (weight <= WEIGHT_MAX).then_some(weight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn coding(fields: &[&str]) -> &'static str {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(ACCEPT_ENCODING, field.parse().expect("a field value"));
        }
        accepted(&headers).as_str()
    }

    #[test]
    fn gives_what_is_wanted_most() {
        for (field, expected) in [
            ("gzip", "gzip"),
            ("X-GZIP", "gzip"),
            ("gzip, deflate, br, zstd", "br"),
            ("gzip, zstd", "zstd"),
            ("br;q=0.5, gzip;q=0.8", "gzip"),
            ("br; Q=0.5 , gzip ;q=0.501", "gzip"),
            ("*", "br"),
            ("br;q=0, *", "zstd"),
            ("*;q=0.5, gzip", "gzip"),
            ("gzip;q=0.001", "gzip"),
            ("identity, gzip", "gzip"),
            ("identity;q=0, gzip;q=0.1", "gzip"),
        ] {
            assert_eq!(coding(&[field]), expected, "{field}");
        }
        assert_eq!(coding(&["deflate", "zstd;q=0.1"]), "zstd");
    }

    #[test]
    fn leaves_it_as_it_is_where_nothing_else_is_wanted() {
        for field in [
            "",
            "identity",
            "deflate",
            "gzip;q=0",
            "*;q=0",
            "identity;q=1, gzip;q=0.5",
            "gzip;q=1.001",
            "gzip;q=0.0001",
            "gzip;q=-1",
            "gzip;q=",
            "gzip;q=1.0a",
        ] {
            assert_eq!(coding(&[field]), "identity", "{field}");
        }
        assert_eq!(coding(&[]), "identity");
    }

    proptest! {
        #[test]
        fn never_gives_what_is_refused(
            weights in prop::array::uniform4(prop::option::of(0_u16..=1_000)),
        ) {
            let names = ["identity", "gzip", "zstd", "br"];
            let members = names.iter().zip(weights).filter_map(|(name, weight)| {
                Some(format!("{name};q={:.3}", f32::from(weight?) / 1_000.0))
            });
            let field = members.collect::<Vec<_>>().join(", ");
            let given = coding(&[&field]);
            let place = names.iter().position(|name| *name == given).expect("one of the four");
            let is_refused = weights[place] == Some(0);
            let is_all_refused = weights[0] == Some(0)
                && weights[1..].iter().all(|weight| weight.unwrap_or(0) == 0);
            prop_assert!(!is_refused || is_all_refused, "{} of {}", given, field);
        }

        #[test]
        fn never_panics_on_any_field(field in "[ -~]{0,40}") {
            coding(&[&field]);
        }
    }
}
