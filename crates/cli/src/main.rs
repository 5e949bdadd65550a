//! The one binary: reads words, runs a command, answers with an exit code.
//!
//! 0: done. 1: done, and something is wrong (a topology with faults, a certificate about to expire). 2: could not be
//! done (wrong words, a file that cannot be read). Each command has a file of its own with its words and its `run`.

mod certs;
mod check;
mod loopback;
mod operate;
mod output;
mod ports;
mod run;
mod schema;
mod serve;
mod status;
mod topology_file;
mod up;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::{Lang, Outcome, Output};

/// A SIP perimeter and registrar: one binary, one topology file, every role.
#[derive(Parser)]
#[command(name = "vestibule", version, propagate_version = true)]
struct Args {
    /// Answer as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// The language of tables that have several.
    #[arg(long, global = true, value_enum, default_value_t)]
    lang: Lang,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(subcommand)]
    Certs(certs::Certs),
    Check(check::Check),
    Drain(operate::Drain),
    Ports(ports::Ports),
    Reload(operate::Reload),
    Run(run::Run),
    Schema(schema::Schema),
    Status(status::Status),
    Up(up::Up),
    #[command(subcommand)]
    User(user::User),
}

impl Command {
    fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Certs(command) => command.run(output),
            Self::Check(command) => command.run(output),
            Self::Drain(command) => command.run(output),
            Self::Ports(command) => command.run(output),
            Self::Reload(command) => command.run(output),
            Self::Run(command) => command.run(output),
            Self::Schema(command) => command.run(output),
            Self::Status(command) => command.run(output),
            Self::Up(command) => command.run(output),
            Self::User(command) => command.run(output),
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let output = Output::new(args.json, args.lang);
    match args.command.run(&output) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            output.error(&error);
            ExitCode::from(2)
        }
    }
}
