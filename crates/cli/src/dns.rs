//! `vestibule dns`: the names of a topology for those who keep another name server, and a look at what a server says.

mod check;
mod export;

use base::net::Face;
use clap::{Subcommand, ValueEnum};

use crate::output::{Outcome, Output};

/// The names of a topology: write zone files, or compare what a name server answers.
#[derive(Subcommand)]
pub(crate) enum Dns {
    Export(export::Export),
    Check(check::Check),
}

impl Dns {
    /// Runs one of the commands.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Export(command) => command.run(output),
            Self::Check(command) => command.run(output),
        }
    }
}

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum View {
    /// The organisation's network.
    Inside,
    /// Everybody else.
    Outside,
}

impl View {
    pub(crate) const fn face(self) -> Face {
        match self {
            Self::Inside => Face::Inside,
            Self::Outside => Face::Outside,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Outside => "outside",
        }
    }
}
