//! `weir status`: how a running appliance is, for who stands before it.
//!
//! Refuses: to judge. What is well, and what is worst, the appliance has said.

mod document;
mod screen;

use std::{sync::Arc, time::Duration};

use clap::Args;
use tokio::time::sleep;
use weir_hal::{Board, Multicast};

use self::document::{Document, Node};
use super::{
    CommandError, Terminal,
    management::Management,
    run::{interrupted, on_runtime},
};
use crate::causes::with_causes;

pub(super) const ABOUT: &str = "Tell how a running appliance is";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir status
  weir status --watch
  weir status --json --management http://edge-hn-01:8080

What is worst stands first. Exits with 0 when all is well, 1 when the appliance is degraded or has
failed, 69 when none answers. --json prints what GET /api/v1/status answers.";

/// Where the node is told of.
const PATH: &str = "/api/v1/status";

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// The word of an appliance that is well.
const WELL: &str = "ok";

/// Arguments of `weir status`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Draw it anew each second, until Ctrl-C.
    #[arg(long)]
    pub watch: bool,
    /// Print JSON instead of tables.
    #[arg(long, conflicts_with = "watch")]
    pub json: bool,
    /// The management listener of the appliance.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub management: String,
}

/// Tells how the appliance is.
///
/// # Errors
/// [`CommandError::Unwell`] when it has told that it is not well, [`CommandError::Management`] when
/// it does not answer.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let management = Management::new(Arc::clone(&board.network), &arguments.management)?;
    on_runtime(async {
        if arguments.watch {
            return watch(&management, terminal).await;
        }
        let node = if arguments.json {
            let answer = management.get(PATH).await?;
            terminal.print(&String::from_utf8_lossy(&answer))?;
            let node = serde_json::from_slice(&answer);
            node.map_err(|_other| management.garbled())?
        } else {
            let document = Document::ask(&management).await?;
            terminal.print(&screen::render(&document, terminal))?;
            document.node
        };
        verdict(node)
    })
}

/// Draws it each second. An appliance that does not answer is told of, and asked again.
async fn watch(management: &Management, terminal: Terminal) -> Result<(), CommandError> {
    let mut interrupted = Box::pin(interrupted()?);
    loop {
        let asked = tokio::select! {
            () = &mut interrupted => return Ok(()),
            asked = Document::ask(management) => asked,
        };
        let text = match asked {
            Ok(document) => screen::render(&document, terminal),
            Err(error) => with_causes(&error),
        };
        terminal.clear()?;
        terminal.print(&text)?;
        tokio::select! {
            () = &mut interrupted => return Ok(()),
            () = sleep(LOOK) => {}
        }
    }
}

fn verdict(node: Node) -> Result<(), CommandError> {
    let Node {
        name: node,
        status,
        reason,
        ..
    } = node;
    if status == WELL {
        return Ok(());
    }
    Err(CommandError::Unwell {
        node,
        status,
        reason,
    })
}
