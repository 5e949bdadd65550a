//! The commands as people and scripts call them: words in, text and exit code out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod certs;
mod check;
mod firewall;
mod firewall_audit;
mod log;
mod log_flows;
mod ports;
mod state;
mod user;
mod verify;

use std::process::Command;

/// How a command ended.
struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs the binary in the folder of the examples.
fn vestibule(arguments: &[&str]) -> Answer {
    vestibule_at(None, arguments)
}

/// The same on a terminal so many columns wide, or on none.
fn vestibule_at(columns: Option<u16>, arguments: &[&str]) -> Answer {
    let columns = columns.map(|columns| ("COLUMNS", columns.to_string()));
    answer(command(arguments).envs(columns))
}

/// The binary with these arguments, in the folder of the examples.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command
        .args(arguments)
        .env_remove("COLUMNS")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"));
    command
}

/// Runs a command to its end.
fn answer(command: &mut Command) -> Answer {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}
