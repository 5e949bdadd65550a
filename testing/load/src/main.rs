//! The load driver: what a unit of SIP work costs, beside Kamailio and beside a bare TLS echo, in one run; and what a
//! million bindings cost.
//!
//! `load sip`, `load trace`, `load bindings`, `load vip` and `load web` measure and print; the other commands are the processes that it starts. Loopback only, free ports,
//! every run bounded in phones and time, every process stopped by its own number. `BENCHMARKS.md` says how to read it.

mod actor;
mod affinity;
mod bench;
mod bindings;
mod client;
mod cpu;
mod deployment;
mod digest;
mod echo;
mod figures;
mod kamailio;
mod log;
mod machine;
mod memory;
mod message;
mod ours;
mod pair;
mod peer;
mod phone;
mod place;
mod print;
mod process;
mod report;
mod rounds;
mod scrape;
mod tls;
mod trace;
mod vip;
mod web;
mod well;

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
    /// Measures the SIP path over TLS (redirect, registration, calls, idle phones), beside Kamailio and a TLS echo
    Sip(bench::Options),
    /// Measures the bindings of a Front End: memory, restart, look-up, refresh
    Bindings(bindings::Options),
    /// Measures trace records: taking them in, finding them, beside ripgrep and SQLite FTS5
    Log(log::Options),
    /// Measures what being traced costs a SIP server, and what is lost of the records
    Trace(figures::Options),
    /// Measures the VIP: TCP passed through, beside HAProxy and nginx
    Vip(figures::Options),
    /// Measures the VIP and the reverse proxy, beside HAProxy and nginx
    Web(figures::Options),
    /// Answers as a member that is well, until it is ended
    #[command(hide = true)]
    Well {
        /// Where
        #[arg(long)]
        at: SocketAddr,
        /// PEM file of the certificate
        #[arg(long)]
        certificate: PathBuf,
        /// PEM file of its key
        #[arg(long)]
        key: PathBuf,
    },
    /// One phase of `bindings`, in a process of its own
    #[command(hide = true)]
    BindingsPhase {
        /// Which one
        phase: bindings::Phase,
        /// The folder of the log
        folder: PathBuf,
        /// How many bindings
        #[arg(long)]
        count: u32,
    },
    /// One phase of `log`, in a process of its own
    #[command(hide = true)]
    LogPhase {
        /// Which one
        phase: log::Phase,
        /// The folder of the traces
        folder: PathBuf,
        /// How many records
        #[arg(long)]
        count: u64,
    },
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
        Command::Sip(options) => on_one_thread(bench::run(options)),
        Command::Trace(options) => on_one_thread(trace::run(options)),
        Command::Vip(options) => on_one_thread(vip::run(options)),
        // Both in one run: what is between a browser and a site.
        Command::Web(options) => on_one_thread(async move {
            vip::run(options.clone()).await?;
            web::run(options).await
        }),
        Command::Well {
            at,
            certificate,
            key,
        } => on_one_thread(well::run(at, tls::Files { certificate, key })),
        Command::Bindings(options) => bindings::run(&options),
        Command::BindingsPhase {
            phase,
            folder,
            count,
        } => bindings::run_phase(phase, &folder, count),
        Command::Log(options) => log::run(&options),
        Command::LogPhase {
            phase,
            folder,
            count,
        } => log::run_phase(phase, &folder, count),
        Command::Message { case, times } => message::repeat(case, times).map(drop),
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

fn on_one_thread(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(work)
}
