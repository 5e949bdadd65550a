//! `load web`: what a request through the reverse proxy costs, beside HAProxy and nginx, in front of the same sites.
//!
//! The sites are nginx over TLS, the client is h2load, both from Debian. Every proxy shows the same certificate, ends TLS,
//! speaks HTTP/1.1 and HTTP/2 with clients, and encrypts again towards the two sites, whose name it checks by the
//! authority of the deployment; connections to them are kept. Four kinds of work: requests of HTTP/1.1 and of HTTP/2 on
//! connections that stay, a connection for each request, and large answers. The figure is the processor time of the
//! proxy alone, for one unit.

mod h2load;
mod peers;

use std::time::Duration;

use crate::figures::{Figures, Options, Round, Row};
use crate::machine::Machine;
use crate::place::{LARGE, Place};
use crate::print::note;
use peers::Proxy;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    title: &'static str,
    path: &'static str,
    /// HTTP/2.
    binary: bool,
    /// A connection for each request.
    closing: bool,
    connections: u16,
    streams: u16,
    /// Units of one answer.
    each: f64,
}

#[expect(clippy::cast_precision_loss, reason = "some MiB")]
const MIB: f64 = LARGE as f64 / 1_048_576.0;

const SMALL: Work = Work {
    title: "request, HTTP/1.1",
    path: "/small",
    binary: false,
    closing: false,
    connections: 32,
    streams: 1,
    each: 1.0,
};

const WORKS: [Work; 4] = [
    SMALL,
    Work {
        title: "request, HTTP/2",
        binary: true,
        connections: 8,
        streams: 8,
        ..SMALL
    },
    Work {
        title: "connection with one request",
        closing: true,
        ..SMALL
    },
    Work {
        title: "MiB of large answers",
        path: "/large",
        connections: 8,
        each: MIB,
        ..SMALL
    },
];

/// Measures and reports.
///
/// # Errors
/// What is needed does not start.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let machine = Machine::look();
    let folder = tempfile::tempdir()?;
    let mut faults = Vec::new();
    let place = Place::make(folder.path(), &peers::PORTS)?;
    let prepared = peers::prepare(&place).await?;
    let sites = peers::sites(&place).await?;
    let mut proxies = Vec::new();
    for name in peers::NAMES {
        match peers::start(&place, &prepared, name).await? {
            Some(proxy) => {
                h2load::until_answered(proxy.at(), SMALL).await?;
                proxies.push(proxy);
            }
            None => faults.push(format!("SKIPPED: {name}: not installed")),
        }
    }
    let (rounds, window) = options.rounds();
    let mut rows = Vec::new();
    for work in WORKS {
        rows.extend(measure(work, &proxies, rounds, window).await?);
    }
    for proxy in proxies {
        proxy.stop().await;
    }
    sites.stop().await;
    let figures = Figures {
        machine,
        rows,
        faults,
    };
    figures.print("web", &[peers::HAPROXY, peers::NGINX], &options)
}

async fn measure(
    work: Work,
    proxies: &[Proxy],
    rounds: usize,
    window: Duration,
) -> anyhow::Result<Vec<Row>> {
    let mut all: Vec<Vec<Round>> = proxies.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        note(&format!("{}: round {round} of {rounds}", work.title));
        for (proxy, found) in proxies.iter().zip(&mut all) {
            let before = proxy.used()?;
            let counted = h2load::run(proxy.at(), work, window).await?;
            let used = proxy.used()?.saturating_sub(before);
            found.push(Round {
                used,
                units: counted.answers * work.each,
                seconds: counted.seconds,
                failures: counted.failures,
            });
        }
    }
    let rows = proxies.iter().zip(&all);
    Ok(rows
        .map(|(one, found)| Row::of(work.title, one.name, found))
        .collect())
}
