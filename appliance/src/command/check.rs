//! `weir check`: is this file a configuration?

use std::path::PathBuf;

use clap::Args;
use weir_hal::{Board, Multicast};

use super::{CommandError, Terminal, certificates};
use crate::{
    app::check_files,
    config::{Channel, Config, LoadError, Parsed, Priority, Rendition, load},
};

pub(super) const ABOUT: &str = "Validate a configuration: name every mistake with its key and line";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir check /etc/weir/weir.toml
  weir check new.toml && mv new.toml /etc/weir/weir.toml && systemctl reload weir

Mistakes go to standard error, one a line: `line 12: channel[1].id: …` (lists count from 0).
Exits with 0 when the file is good, 78 when it has mistakes, 74 when it cannot be read.";

/// Arguments of `weir check`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The configuration to validate.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Names every mistake in the file, or tells what the file configures.
///
/// # Errors
/// [`CommandError::Configuration`] when there is a mistake or no such file; for want of
/// certificates those of [`certificates::check`]; [`CommandError::App`] for want of another file
/// that it names.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let loaded = load(&*board.disk, &arguments.file);
    let Parsed { config, .. } = tell(loaded, terminal)?;
    let certificates = certificates::check(&config, board, terminal)?;
    check_files(&config, &*board.disk)?;
    let file = arguments.file.display();
    terminal.print(&format!("{file} is good: {}", summary(&config)))?;
    if !config.channels.is_empty() {
        terminal.print(&format!("\n{}", channels(&config, terminal)))?;
    }
    if !config.routes.is_empty() {
        terminal.print(&format!("\n{}", routes(&config, terminal)))?;
    }
    if let Some(certificates) = certificates {
        terminal.print(&format!("\n{certificates}"))?;
    }
    Ok(())
}

/// Tells every mistake or warning of a configuration on standard error, and passes it on.
pub(super) fn tell(
    loaded: Result<Parsed, LoadError>,
    terminal: Terminal,
) -> Result<Parsed, LoadError> {
    match &loaded {
        Ok(parsed) => {
            for warning in &parsed.warnings {
                terminal.complain(&format!("warning: {warning}"));
            }
        }
        Err(LoadError::Refused { mistakes, .. }) => {
            for mistake in mistakes.iter() {
                terminal.complain(&mistake.to_string());
            }
            if mistakes.omitted() > 0 {
                terminal.complain(&format!("… and {} more", mistakes.omitted()));
            }
        }
        Err(LoadError::Read(_)) => {}
    }
    loaded
}

fn summary(config: &Config) -> String {
    let renditions = config
        .channels
        .iter()
        .map(|channel| channel.renditions.len());
    let counts = [
        (config.channels.len(), "channel"),
        (renditions.sum(), "rendition"),
        (config.origins.len(), "origin"),
        (config.routes.len(), "route"),
    ];
    let named = counts.iter().filter(|(count, _)| *count > 0);
    let named = named.map(|(count, name)| match count {
        1 => format!("1 {name}"),
        _ => format!("{count} {name}s"),
    });
    named.collect::<Vec<_>>().join(", ")
}

fn channels(config: &Config, terminal: Terminal) -> String {
    let header = [
        "CHANNEL",
        "NAME",
        "PRIORITY",
        "RENDITION",
        "PROGRAM",
        "SOURCES",
        "INTERFACE",
    ];
    let mut table = terminal.table(&header);
    for channel in &config.channels {
        for (index, rendition) in channel.renditions.iter().enumerate() {
            let [id, name, priority] = if index == 0 { face(channel) } else { [""; 3] };
            table.add_row(
                [id, name, priority]
                    .into_iter()
                    .map(str::to_owned)
                    .chain(row(rendition)),
            );
        }
    }
    table.trim_fmt()
}

fn face(channel: &Channel) -> [&str; 3] {
    let priority = match channel.priority {
        Priority::High => "high",
        Priority::Medium => "medium",
        Priority::Low => "low",
    };
    [&channel.id, &channel.name, priority]
}

fn row(rendition: &Rendition) -> [String; 4] {
    let sources = rendition.sources.iter().map(ToString::to_string);
    let tracks = rendition.teletext_names().map(|(_, name)| name);
    let tracks = rendition.audio_name().into_iter().chain(tracks);
    let names: Vec<String> = [rendition.name.clone()].into_iter().chain(tracks).collect();
    let program = rendition.program.map(|number| number.to_string());
    let interface = rendition.interface.as_ref().map(ToString::to_string);
    [
        names.join("\n"),
        program.unwrap_or_else(|| "first".to_owned()),
        sources.collect::<Vec<_>>().join("\n"),
        interface.unwrap_or_else(|| "by route".to_owned()),
    ]
}

fn routes(config: &Config, terminal: Terminal) -> String {
    let mut table = terminal.table(&["ROUTE", "ORIGINS", "URLS", "SLICE"]);
    for route in &config.routes {
        let urls = |name: &String| {
            let origin = config.origins.iter().find(|origin| origin.name == *name);
            origin.map_or_else(|| "not defined".to_owned(), |origin| origin.urls.join(" "))
        };
        let urls: Vec<String> = route.origins.iter().map(urls).collect();
        table.add_row([
            route.path.clone(),
            route.origins.join("\n"),
            urls.join("\n"),
            route
                .slice
                .map_or_else(|| "off".to_owned(), |slice| slice.to_string()),
        ]);
    }
    table.trim_fmt()
}
