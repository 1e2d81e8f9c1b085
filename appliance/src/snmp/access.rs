//! Who may ask, out of the files that hold their secrets.
//!
//! Source: RFC 3414 §11.2 (pass-phrases of at least 8 octets).
//! Refuses: a secret that everybody on the box can read, and one that is too short.

use std::path::Path;

use async_snmp::{Auth, AuthProtocol, PrivProtocol, UsmConfig};
use weir_hal::Disk;

use crate::{
    config::{self, AddressPrefix},
    secret,
    snmp::SnmpError,
};

/// Bytes of a pass-phrase, and of the file of any secret.
const SECRET_BYTES_MIN: usize = 8;
const SECRET_BYTES_MAX: u64 = 256;

/// Users, and the community if there is one.
#[derive(Default)]
pub(super) struct Access {
    pub(super) users: Vec<User>,
    pub(super) community: Option<Community>,
}

pub(super) struct User {
    pub(super) name: String,
    pub(super) auth: Vec<u8>,
    pub(super) privacy: Vec<u8>,
}

pub(super) struct Community {
    pub(super) secret: Vec<u8>,
    pub(super) allowed: Vec<AddressPrefix>,
}

/// Reads every secret that `config` names, as an agent does that starts. Blocks.
///
/// # Errors
/// [`SnmpError`], which names the first file that cannot be used and shows nothing of it.
pub fn check_secrets(config: &config::Snmp, disk: &dyn Disk) -> Result<(), SnmpError> {
    let access = Access::read(config, disk)?;
    let mut users = access.users.iter();
    users.try_for_each(|user| user.keyed().map(drop))
}

impl Access {
    /// Reads the secrets that `config` names. Blocks.
    ///
    /// # Errors
    /// [`SnmpError`], which names the file and shows nothing of it.
    pub(super) fn read(config: &config::Snmp, disk: &dyn Disk) -> Result<Self, SnmpError> {
        let read = |path: &Path, bytes_min| secret_at(disk, path, bytes_min);
        let mut access = Self::default();
        for user in &config.users {
            access.users.push(User {
                name: user.name.clone(),
                auth: read(&user.auth_secret, SECRET_BYTES_MIN)?,
                privacy: read(&user.privacy_secret, SECRET_BYTES_MIN)?,
            });
        }
        if let Some(config::SnmpCommunity { secret, allowed }) = &config.community {
            access.community = Some(Community {
                secret: read(secret, 1)?,
                allowed: allowed.clone(),
            });
        }
        Ok(access)
    }
}

impl User {
    /// As whom a manager is told.
    ///
    /// # Errors
    /// [`SnmpError::User`] when its secrets cannot be used.
    pub(super) fn keyed(&self) -> Result<Auth, SnmpError> {
        let Self {
            name,
            auth,
            privacy,
        } = self;
        let keyed = UsmConfig::new(name.clone());
        let keyed = keyed.auth_priv(AuthProtocol::Sha256, auth, PrivProtocol::Aes128, privacy);
        let name = name.clone();
        keyed
            .map(Auth::from)
            .map_err(|source| SnmpError::User { name, source })
    }
}

/// The secret in a file: its text without the end of the line.
fn secret_at(disk: &dyn Disk, path: &Path, bytes_min: usize) -> Result<Vec<u8>, SnmpError> {
    let secret = secret::read(disk, path, SECRET_BYTES_MAX)?
        .trim_ascii_end()
        .to_vec();
    if secret.len() < bytes_min {
        let path = path.to_owned();
        return Err(SnmpError::ShortSecret { path, bytes_min });
    }
    Ok(secret)
}
