//! Thermometers from `/sys/class/hwmon`.
//!
//! Source: Documentation/hwmon/sysfs-interface.rst of the kernel: `temp[1-*]_input` in thousandths
//! of a degree, `temp[1-*]_label`, and the `name` of the chip.
//!
//! Refuses: fans and voltages, and chips beyond those that a board has.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::sysfs::{paths, text};
use crate::{
    Error,
    sensors::{THERMOMETERS_MAX, Thermometer},
};

const FOLDER: &str = "/sys/class/hwmon";

/// The thermometers of this machine, in the order of their names.
pub(super) fn thermometers() -> Result<Vec<Thermometer>, Error> {
    match read_all(Path::new(FOLDER)) {
        // The kernel has no driver of any.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|source| Error::Sensor {
            what: "thermometers from /sys/class/hwmon",
            source,
        }),
    }
}

fn read_all(folder: &Path) -> io::Result<Vec<Thermometer>> {
    let mut chips = paths(folder)?;
    chips.sort_unstable();
    let mut found: Vec<Thermometer> = chips.iter().flat_map(|chip| of_chip(chip)).collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found.truncate(THERMOMETERS_MAX);
    number_apart(&mut found);
    Ok(found)
}

/// Two drives of one kind have chips of one name: the second has its number behind it.
fn number_apart(sorted: &mut [Thermometer]) {
    for group in sorted.chunk_by_mut(|one, other| one.name == other.name) {
        for (number, later) in (2..).zip(group.iter_mut().skip(1)) {
            later.name = format!("{} {number}", later.name);
        }
    }
}

fn of_chip(folder: &Path) -> Vec<Thermometer> {
    let chip = text(&folder.join("name")).unwrap_or_default();
    let inputs = paths(folder).unwrap_or_default();
    let thermometer = |input: &PathBuf| {
        let file = input.file_name()?.to_str()?;
        let sensor = file.strip_suffix("_input")?;
        sensor.strip_prefix("temp")?.parse::<u16>().ok()?;
        let label = text(&folder.join(format!("{sensor}_label")));
        let label = label.unwrap_or_else(|| sensor.to_owned());
        let thousandths = text(input).and_then(|text| text.parse::<i32>().ok());
        Some(Thermometer {
            name: format!("{chip} {label}"),
            temperature_celsius: thousandths.map(|it| f64::from(it) / 1_000.0),
        })
    };
    inputs.iter().filter_map(thermometer).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "hal::linux is where the ban on files ends"
    )]
    fn each_input_of_each_chip_is_a_thermometer_by_its_label() {
        let folder = std::env::temp_dir().join(format!("weir-hwmon-{}", std::process::id()));
        let chip = folder.join("hwmon0");
        fs::create_dir_all(&chip).expect("a temporary folder");
        for (file, text) in [
            ("name", "k10temp\n"),
            ("temp1_input", "41500\n"),
            ("temp1_label", "Tctl\n"),
            ("temp2_input", "-1250\n"),
            ("temp3_input", "broken\n"),
            ("temp1_max", "70000\n"),
            ("fan1_input", "900\n"),
        ] {
            fs::write(chip.join(file), text).expect("the folder can be written");
        }
        let read = read_all(&folder).expect("a folder");
        fs::remove_dir_all(&folder).expect("it was ours");
        let read: Vec<_> = read
            .iter()
            .map(|it| (it.name.as_str(), it.temperature_celsius))
            .collect();
        let expected = [
            ("k10temp Tctl", Some(41.5)),
            ("k10temp temp2", Some(-1.25)),
            ("k10temp temp3", None),
        ];
        assert_eq!(read, expected);
    }
}
