//! `vestibule log`: the logs of all machines, asked of the agents in their processes.
//!
//! [`ask`] says whom and as whom, [`criteria`] what is looked for; both are the same for every command that searches. What
//! asks and puts answers together is `roles::controlling`.

pub(crate) mod ask;
mod collect;
mod command;
pub(crate) mod criteria;
mod export;
mod files;
mod ladder;
mod offline;
mod people;
mod report;
mod scenarios;
mod search;
mod sink;
mod tail;

use clap::Subcommand;

use crate::output::{Outcome, Output};

/// The logs of all machines: why did this call fail?
#[derive(Subcommand)]
#[command(after_help = "\
Each machine keeps traces of what its roles do; a scenario says of what, and AlwaysOn runs from the start. To find out
why something failed: start a scenario for more detail, have it happen again, search, stop the scenario.

  vestibule certs issue topology.toml --operator ann     once: only operators may ask
  vestibule log start IncomingAndOutgoingCall topology.toml --duration 0:30
  vestibule log search topology.toml --uri alice@contoso.com
  vestibule log ladder topology.toml --uri alice@contoso.com    what happened, drawn
  vestibule log stop IncomingAndOutgoingCall topology.toml

Without a topology the trial of `vestibule up` is asked. docs/logging.md tells the rest.")]
pub(crate) enum Log {
    Search(Box<search::Search>),
    Ladder(Box<ladder::Ladder>),
    Export(Box<export::Export>),
    Tail(Box<tail::Tail>),
    Scenarios(scenarios::List),
    Start(command::Start),
    Stop(command::Stop),
    Update(command::Update),
    Show(command::Show),
    Sync(command::Sync),
    Status(command::Status),
    Collect(collect::Collect),
}

impl Log {
    /// Runs the word.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Search(command) => command.run(output),
            Self::Ladder(command) => command.run(output),
            Self::Export(command) => command.run(output),
            Self::Tail(command) => command.run(output),
            Self::Scenarios(command) => command.run(output),
            Self::Start(command) => command.run(output),
            Self::Stop(command) => command.run(output),
            Self::Update(command) => command.run(output),
            Self::Show(command) => command.run(output),
            Self::Sync(command) => command.run(output),
            Self::Status(command) => command.run(output),
            Self::Collect(command) => command.run(output),
        }
    }
}
