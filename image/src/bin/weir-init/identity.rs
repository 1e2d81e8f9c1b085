//! Who the box is: the machine id, made of the serial number of its board.
//!
//! The root is read-only and the same on every box, so the id comes from the firmware; else each
//! boot would be another machine to DHCP servers and logs. Source: machine-id(5), SMBIOS.
//!
//! Refuses: nothing. A board without a number gets an id for this boot by systemd.

use std::{fs, io};

/// What the firmware calls this one machine.
const NUMBER: &str = "/sys/class/dmi/id/product_uuid";

const ID: &str = "/run/machine-id";

/// Lays the id over that of the root.
pub(crate) fn machine() -> io::Result<()> {
    let number = fs::read_to_string(NUMBER).unwrap_or_default();
    let Some(id) = id_of(&number) else {
        return Ok(());
    };
    fs::write(ID, id)?;
    super::mounts::over("/etc/machine-id", ID)
}

/// The id of a UUID that is one.
fn id_of(uuid: &str) -> Option<String> {
    let digits = uuid.chars().filter(char::is_ascii_hexdigit);
    let id: String = digits.map(|digit| digit.to_ascii_lowercase()).collect();
    let is_set = id.chars().any(|digit| digit != '0') && id.chars().any(|digit| digit != 'f');
    (id.len() == 32 && is_set).then(|| id + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_none_makes_no_id() {
        let id = id_of("12345678-9ABC-def0-1234-56789abcdef0\n");
        assert_eq!(id.as_deref(), Some("123456789abcdef0123456789abcdef0\n"));
        assert_eq!(id_of("00000000-0000-0000-0000-000000000000"), None);
        assert_eq!(id_of("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"), None);
        assert_eq!(id_of(""), None);
    }
}
