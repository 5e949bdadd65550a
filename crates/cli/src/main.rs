//! The one binary: reads words, runs a command, answers with an exit code.
//!
//! 0: done. 1: done, and something is wrong (a topology with faults, a certificate about to expire). 2: could not be
//! done (wrong words, a file that cannot be read). Each command has a file of its own with its words and its `run`.

mod certs;
mod check;
mod discover;
mod dns;
mod firewall;
mod limits;
mod log;
mod loopback;
mod operate;
mod output;
mod ports;
mod reload;
mod run;
mod schema;
mod serve;
mod status;
mod topology_file;
mod up;
mod user;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::{Lang, Outcome, Output};

/// The heading of options that every command has.
const EVERYWHERE: &str = "Options of every command";
const AFTER_HELP: &str = "\
Exit codes: 0 done; 1 done, and something is wrong; 2 could not be done.

Begin with `vestibule up`: it runs the reference topology on this machine, with users to sign in as.
`vestibule COMMAND --help` tells more of each command.";

/// A SIP perimeter and registrar: one binary, one topology file, every role.
#[derive(Parser)]
#[command(name = "vestibule", version, after_help = AFTER_HELP)]
struct Args {
    /// Answer as JSON, on standard output; errors stay text on standard error.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
    /// The language of the port summary and of flows: en or ko.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        help_heading = EVERYWHERE
    )]
    lang: Lang,
    #[command(subcommand)]
    command: Command,
}

// In the order in which they are met, which is that of the help.
#[derive(Subcommand)]
enum Command {
    Up(up::Up),
    Check(check::Check),
    Ports(ports::Ports),
    #[command(subcommand)]
    Firewall(firewall::Firewall),
    #[command(subcommand)]
    Dns(dns::Dns),
    Discover(discover::Discover),
    #[command(subcommand)]
    Certs(certs::Certs),
    #[command(subcommand)]
    User(user::User),
    Run(run::Run),
    Status(status::Status),
    Verify(verify::Verify),
    #[command(subcommand)]
    Log(log::Log),
    #[command(subcommand)]
    Limits(limits::Limits),
    Reload(reload::Reload),
    Drain(operate::Drain),
    Undrain(operate::Undrain),
    Schema(schema::Schema),
}

impl Command {
    fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        match self {
            Self::Up(command) => command.run(output),
            Self::Check(command) => command.run(output),
            Self::Ports(command) => command.run(output),
            Self::Firewall(command) => command.run(output),
            Self::Dns(command) => command.run(output),
            Self::Discover(command) => command.run(output),
            Self::Certs(command) => command.run(output),
            Self::User(command) => command.run(output),
            Self::Run(command) => command.run(output),
            Self::Status(command) => command.run(output),
            Self::Verify(command) => command.run(output),
            Self::Log(command) => command.run(output),
            Self::Limits(command) => command.run(output),
            Self::Reload(command) => command.run(output),
            Self::Drain(command) => command.run(output),
            Self::Undrain(command) => command.run(output),
            Self::Schema(command) => command.run(output),
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
