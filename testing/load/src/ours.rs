//! Our own servers: machines of a small deployment, one process each, of which those at work are measured.
//!
//! A Director alone knows no user, so the Front End that masters the directory runs beside it, unmeasured.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::affinity;
use crate::deployment::{Deployment, Machine};
use crate::peer::{DOMAIN, PASSWORD, Server};
use crate::phone::{Target, Work};
use crate::process::Process;
use crate::tls;
use crate::trace::Capture;

/// On how many cores a server may run; it has a worker for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cores {
    /// On one.
    One,
    /// On all that there are.
    All,
}

/// Starts the machines that do this work; `None` if the program was not built.
///
/// # Errors
/// It was built and does not start.
pub(crate) async fn start(
    work: Work,
    cores: Cores,
    below: &Path,
) -> anyhow::Result<Option<Server>> {
    start_traced(work, cores, Capture::AlwaysOn, below).await
}

/// The same with this much captured by the machines at work.
///
/// # Errors
/// As [`start`].
pub(crate) async fn start_traced(
    work: Work,
    cores: Cores,
    capture: Capture,
    below: &Path,
) -> anyhow::Result<Option<Server>> {
    let Some(program) = program()? else {
        return Ok(None);
    };
    let directory = below.join(format!("vestibule-{work:?}-{cores:?}-{capture:?}"));
    fs::create_dir_all(&directory)?;
    let deployment = Deployment::make(program, directory).await?;
    let (at_work, beside, door, callee): (&[Machine], &[Machine], _, _) = match work {
        Work::Redirect => (
            &[Machine::Director],
            &[Machine::FrontEnd],
            Machine::Director,
            None,
        ),
        Work::Register | Work::Call => (&[Machine::FrontEnd], &[], Machine::FrontEnd, None),
        Work::CallAcross => (
            &[Machine::Edge, Machine::Director, Machine::FrontEnd],
            &[],
            Machine::Edge,
            Some(deployment.door(Machine::FrontEnd)?),
        ),
        Work::Echo(_) => return Ok(None),
    };
    let (addr, name) = deployment.door(door)?;
    let target = Target {
        addr,
        name,
        tls: tls::client(&deployment.authority())?,
        domain: DOMAIN.to_owned(),
        password: PASSWORD.to_owned(),
        callee,
    };
    let run = |machines: &[Machine]| -> anyhow::Result<Vec<Process>> {
        machines.iter().map(|one| deployment.run(*one)).collect()
    };
    for machine in at_work {
        deployment.trace(*machine, &capture.state()?)?;
    }
    let companions = run(beside)?;
    let measured = match cores {
        Cores::All => run(at_work)?,
        Cores::One => affinity::on_one_core(|| run(at_work))??,
    };
    let server = Server {
        measured,
        companions,
        pages: at_work.iter().map(|one| deployment.page(*one)).collect(),
        target,
    };
    server
        .ready(work)
        .await
        .map(Some)
        .context("vestibule does not get ready")
}

/// The program is built by the same command into the same directory as this one.
pub(crate) fn program() -> anyhow::Result<Option<PathBuf>> {
    let program = std::env::current_exe()?.with_file_name("vestibule");
    Ok(fs::metadata(&program).is_ok().then_some(program))
}
