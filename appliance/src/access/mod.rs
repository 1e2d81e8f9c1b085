//! Who may order by the management listener: programs that know a token, and people who know a
//! password.
//!
//! Refuses: to look at addresses, which is `allow` of each kind of order.

mod attempts;
pub(crate) mod cookie;
pub(crate) mod login;
mod pace;
pub(crate) mod password;
pub(crate) mod session;
pub(crate) mod token;

use std::path::PathBuf;

use crate::secret::SecretError;
pub use attempts::{AttemptCells, AttemptCounters, Attempts};
pub(crate) use login::LoginRefusal;
pub use login::Logins;
pub use password::{PASSWORD_CHARACTERS, PasswordError, PasswordHash};
pub use token::{Access, Denied};

/// Why a token or a user cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Its file cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Its file holds something else.
    #[error(
        "{} holds no SHA-256 of a token: write what `printf %s TOKEN | sha256sum` tells",
        .0.display()
    )]
    NoDigest(PathBuf),
    /// Its file holds no hash of a password that can be taken.
    #[error("{} cannot be used: {error}", path.display())]
    Password {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: PasswordError,
    },
}
