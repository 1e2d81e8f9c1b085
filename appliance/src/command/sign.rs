//! `weir sign`: makes a signed URL, as a portal would.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::Args;
use hyper::Uri;
use weir_hal::{Board, Multicast};

use super::{CommandError, Terminal};
use crate::{
    app::AppError,
    config::parse_duration,
    serve::signed_url::{Grant, Keys, Scope},
};

pub(super) const ABOUT: &str = "Make a signed URL, for a path whose route or channel has keys";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir sign http://edge/vod/show/movie.mp4 --keys /etc/weir/keys/vod
  weir sign http://edge/vod/show/master.m3u8 --keys /etc/weir/keys/vod --folders 2 --for 4h
  weir sign http://edge/live/CH_001/master.m3u8 --keys /etc/weir/keys/news --folders 2 \\
      --address 203.0.113.7

With --folders the URL opens everything below so many folders of its path: what a playlist names
too. Exits with 64 when the URL cannot be signed so, 78 when the keys cannot be used.";

/// Longest time a URL may open: a year.
const LIFETIME_MAX: Duration = Duration::from_hours(365 * 24);

/// Arguments of `weir sign`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The URL to sign, as the player will ask for it.
    #[arg(value_name = "URL")]
    pub url: Uri,
    /// The file of keys, as in `sign_keys`.
    #[arg(long, value_name = "FILE")]
    pub keys: PathBuf,
    /// The name of the key [default: the first].
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// How long the URL opens.
    #[arg(long = "for", value_name = "TIME", default_value = "6h", value_parser = lifetime)]
    pub lifetime: Duration,
    /// Sign so many folders of the path, and not the file alone.
    #[arg(long, value_name = "N")]
    pub folders: Option<u8>,
    /// Open to this address alone.
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<IpAddr>,
}

/// Prints the signed URL.
///
/// # Errors
/// [`CommandError::App`] when the keys cannot be used, [`CommandError::Usage`] when the URL cannot
/// be signed.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let keys = Keys::read(&*board.disk, &arguments.keys).map_err(AppError::Gate)?;
    let grant = Grant {
        path: arguments.url.path(),
        scope: arguments.folders.map_or(Scope::File, Scope::Folders),
        end: board.clock.wall() + arguments.lifetime,
        client: arguments.address,
    };
    let token = keys.sign(arguments.key.as_deref(), &grant);
    let token = token.ok_or_else(|| {
        let text = "the path has fewer folders than that, or the file of keys has no such key";
        CommandError::Usage(text.to_owned())
    })?;
    terminal.print(&token.apply(&arguments.url))
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = parse_duration(text)?;
    if lifetime <= LIFETIME_MAX {
        Ok(lifetime)
    } else {
        Err(format!("must be at most {LIFETIME_MAX:?}"))
    }
}

#[cfg(test)]
mod tests {
    use weir_hal::{Access, Disk as _, Wall, sim::Simulation};

    use super::*;
    use crate::serve::signed_url::separate;

    #[test]
    fn what_is_signed_opens() {
        let keys = Keys::parse("k1 00112233445566778899aabbccddeeff").expect("a key");
        let now = Wall::from_nanos(1_000_000_000_000);
        for (url, scope, signed) in [
            (
                "http://e/a/b.mp4",
                Scope::File,
                "http://e/a/b.mp4?weir_token=",
            ),
            (
                "http://e/a/b.mp4?x=1",
                Scope::File,
                "http://e/a/b.mp4?x=1&weir_token=",
            ),
            (
                "http://e/a/b.m3u8?x=1",
                Scope::Folders(1),
                "http://e/weir_token=",
            ),
        ] {
            let url: Uri = url.parse().expect("a URL");
            let grant = Grant {
                path: url.path(),
                scope,
                end: now + Duration::from_secs(1),
                client: None,
            };
            let text = keys.sign(None, &grant).expect("a token").apply(&url);
            assert!(text.starts_with(signed), "{text}");
            let (rest, token) = separate(&text.parse().expect("a URL")).expect("a URL");
            assert_eq!(rest, url);
            let token = token.expect("it is signed");
            let verdict = keys.verify(&token, rest.path(), [127, 0, 0, 1].into(), now);
            assert_eq!(verdict, Ok(()), "{text}");
        }
    }

    #[test]
    fn keys_come_from_their_file() {
        let machine = Simulation::new(1);
        let file = machine.disk.open("/keys".as_ref(), Access::Create);
        let file = file.expect("room");
        file.write_at(b"k1 00112233445566778899aabbccddeeff", 0)
            .expect("room");
        assert!(Keys::read(&machine.disk, "/keys".as_ref()).is_ok());
        assert!(Keys::read(&machine.disk, "/none".as_ref()).is_err());
    }
}
