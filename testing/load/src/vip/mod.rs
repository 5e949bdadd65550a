//! `load vip`: what passing a TCP connection through costs, beside HAProxy and nginx, in front of the same members.
//!
//! The members are nginx, the client is wrk, both from Debian; every balancer passes on to the same two members, with
//! the PROXY header. Three kinds of work: requests on connections that stay, a connection for each request,
//! and large answers. The figure is the processor time of the balancer alone, for one unit.

mod peers;
mod wrk;

use std::time::Duration;

use crate::figures::{Figures, Options, Round, Row};
use crate::machine::Machine;
use crate::place::Place;
use crate::print::note;
use peers::Balancer;

/// What is passed through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    title: &'static str,
    path: &'static str,
    /// A connection for each request.
    closing: bool,
    connections: u16,
}

const WORKS: [Work; 3] = [
    Work {
        title: "request on an open connection",
        path: "/small",
        closing: false,
        connections: 64,
    },
    Work {
        title: "connection with one request",
        path: "/small",
        closing: true,
        connections: 32,
    },
    Work {
        title: "MiB of large answers",
        path: "/large",
        closing: false,
        connections: 16,
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
    let members = peers::members(&place)?;
    let mut balancers = Vec::new();
    for name in peers::NAMES {
        match peers::start(&place, name).await? {
            Some(balancer) => {
                wrk::until_answered(balancer.address(), WORKS[0]).await?;
                balancers.push(balancer);
            }
            None => faults.push(format!("SKIPPED: {name}: not installed, or not built")),
        }
    }
    let (rounds, window) = options.rounds();
    let mut rows = Vec::new();
    for work in WORKS {
        rows.extend(measure(work, &balancers, rounds, window).await?);
    }
    for balancer in balancers {
        balancer.stop().await;
    }
    members.stop().await;
    let figures = Figures {
        machine,
        rows,
        faults,
    };
    figures.print("vip", &[peers::HAPROXY, peers::NGINX], &options)
}

async fn measure(
    work: Work,
    balancers: &[Balancer],
    rounds: usize,
    window: Duration,
) -> anyhow::Result<Vec<Row>> {
    let mut all: Vec<Vec<Round>> = balancers.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        note(&format!("{}: round {round} of {rounds}", work.title));
        for (balancer, found) in balancers.iter().zip(&mut all) {
            let before = balancer.used()?;
            let counted = wrk::run(balancer.address(), work, window).await?;
            let used = balancer.used()?.saturating_sub(before);
            found.push(counted.round(work, used));
        }
    }
    let rows = balancers.iter().zip(&all);
    Ok(rows
        .map(|(one, found)| Row::of(work.title, one.name, found))
        .collect())
}
