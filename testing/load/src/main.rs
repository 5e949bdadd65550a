//! The load driver: what a unit of SIP work costs, beside Kamailio and beside a bare TLS echo, in one run.
//!
//! `load sip` measures and prints; the other commands are the processes that it starts. Loopback only, free ports,
//! every run bounded in phones and time, every process stopped by its own number. `BENCHMARKS.md` says how to read it.

mod bench;
mod client;
mod cpu;
mod digest;
mod echo;
mod kamailio;
mod machine;
mod message;
mod ours;
mod peer;
mod phone;
mod print;
mod process;
mod report;
mod rounds;
mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures the product under load.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures the SIP path: redirect and registration over TLS, beside Kamailio and a TLS echo
    Sip(bench::Options),
    /// Parses or forwards a sample message so many times, for counting instructions
    Message {
        /// What to do with it
        case: message::Case,
        /// How often
        #[arg(long, default_value_t = 1)]
        times: u32,
    },
    /// Sends back what arrives over TLS, until it is ended
    Echo {
        /// PEM file of the certificate
        #[arg(long)]
        certificate: PathBuf,
        /// PEM file of its key
        #[arg(long)]
        key: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Sip(options) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(bench::run(options))
        }
        Command::Message { case, times } => message::repeat(case, times),
        Command::Echo { certificate, key } => {
            let config = tls::server(&tls::Files { certificate, key })?;
            echo::serve(
                SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                peer::WORKERS,
                config,
            )
        }
    }
}
