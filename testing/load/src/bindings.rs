//! `load bindings`: what bindings cost at rest, what a restart with them costs, and what a refresh costs among them.
//!
//! Each phase is a process of its own, so that its memory is its own: `fill` registers everybody through the change log
//! of a Front End; `open` starts again over the same folder, looks users up and refreshes them. No network, no TLS: a
//! connection's memory is another figure.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use base::UnixMillis;
use roles::signalling::Bindings;
use serde::{Deserialize, Serialize};
use sip::location::{Binding, Change, Locations as _};

use crate::cpu::Tree;
use crate::machine::Machine;
use crate::print::{note, say};
use crate::report;

/// Changes given to the log at once while it is filled.
const BATCH: u32 = 500;
/// Users looked up, and refreshed, of those that are there.
const SAMPLE: u32 = 200_000;
/// How many ended users a Front End removes at once.
const SWEEP: usize = 1_000;
/// The end of every binding: far ahead.
const ENDS: u64 = 4_000_000_000_000;

/// How many bindings, and where the figures go.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Bindings, one for each user
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=5_000_000))]
    count: u32,
    /// Print JSON instead of words
    #[arg(long)]
    json: bool,
    /// Write the figures between the markers of this file too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// One phase, run in a process of its own.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Phase {
    /// Register everybody
    Fill,
    /// Start again, look up, refresh
    Open,
}

/// What a phase found.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Found {
    bindings: usize,
    /// From nothing to ready.
    ready_secs: f64,
    /// Resident memory when ready, and the most there was until then.
    rss_mib: f64,
    peak_mib: f64,
    /// Processor time of one look-up and one durable refresh, and the wall time of finding a batch of ended users.
    lookup_us: f64,
    refresh_us: f64,
    sweep_ms: f64,
}

/// The figures of a run.
#[derive(Debug, Serialize)]
struct Figures {
    machine: Machine,
    fill: Found,
    open: Found,
    bytes_per_binding: f64,
    disk_mib: f64,
}

/// Measures and reports.
///
/// # Errors
/// A phase failed or lost bindings.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let machine = Machine::look();
    let folder = tempfile::tempdir()?;
    note(&format!("registering {} users", options.count));
    let fill = phase(Phase::Fill, folder.path(), options.count)?;
    note("starting again with them");
    let open = phase(Phase::Open, folder.path(), options.count)?;
    let figures = Figures {
        bytes_per_binding: open.rss_mib * 1_048_576.0 / f64::from(options.count),
        disk_mib: size_of(folder.path())?,
        machine,
        fill,
        open,
    };
    if options.json {
        say(&serde_json::to_string(&figures)?)?;
    } else {
        say(&text(&figures))?;
    }
    if let Some(file) = &options.markdown {
        let page = fs::read_to_string(file)?;
        let page = report::place(&page, "bindings", &text(&figures))
            .with_context(|| format!("{} has no markers for this", file.display()))?;
        fs::write(file, page)?;
    }
    Ok(())
}

fn phase(phase: Phase, folder: &Path, count: u32) -> anyhow::Result<Found> {
    let word = match phase {
        Phase::Fill => "fill",
        Phase::Open => "open",
    };
    let output = Command::new(std::env::current_exe()?)
        .args(["bindings-phase", word, "--count", &count.to_string()])
        .arg(folder)
        .output()?;
    if !output.status.success() {
        bail!("{word}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let found: Found = serde_json::from_slice(&output.stdout)?;
    if found.bindings != usize::try_from(count)? {
        bail!("{word}: {} bindings are there, not {count}", found.bindings);
    }
    Ok(found)
}

/// Runs one phase and prints what it found as JSON.
///
/// # Errors
/// The log does not open or does not take a change.
pub(crate) fn run_phase(phase: Phase, folder: &Path, count: u32) -> anyhow::Result<()> {
    let begin = Instant::now();
    let (bindings, _) = Bindings::open(folder)?;
    if matches!(phase, Phase::Fill) {
        commit_all(&bindings, 0..count, 1)?;
    }
    let mut found = Found {
        bindings: bindings.table().counts().1,
        ready_secs: begin.elapsed().as_secs_f64(),
        rss_mib: memory("VmRSS")?,
        peak_mib: memory("VmHWM")?,
        ..Found::default()
    };
    if matches!(phase, Phase::Open) {
        measure(&bindings, count, &mut found)?;
    }
    say(&serde_json::to_string(&found)?)?;
    Ok(())
}

fn measure(bindings: &Bindings, count: u32, found: &mut Found) -> anyhow::Result<()> {
    let sample = SAMPLE.min(count);
    // Spread over all users, as calls are.
    let spread = |n: u32| u32::try_from(u64::from(n) * 7_919 % u64::from(count)).unwrap_or(0);
    let table = bindings.table();
    let own = Tree::of(std::process::id());
    let before = own.used()?;
    let mut seen = 0;
    for n in 0..sample {
        seen += table.find(&aor(spread(n)), UnixMillis(0)).len();
    }
    found.lookup_us = each(own.used()?.saturating_sub(before), sample);
    if seen != usize::try_from(sample)? {
        bail!("{seen} of {sample} users were found");
    }
    let begin = Instant::now();
    let ended = table.expired(UnixMillis(ENDS), SWEEP);
    found.sweep_ms = begin.elapsed().as_secs_f64() * 1e3;
    if ended.len() != SWEEP {
        bail!("a sweep found {} ended users, not {SWEEP}", ended.len());
    }
    let before = own.used()?;
    commit_all(bindings, (0..sample).map(spread), 2)?;
    found.refresh_us = each(own.used()?.saturating_sub(before), sample);
    Ok(())
}

/// Commits a registration of each user and waits until all are durable; several batches are under way at once, as from
/// several workers.
fn commit_all(
    bindings: &Bindings,
    users: impl Iterator<Item = u32>,
    cseq: u32,
) -> anyhow::Result<()> {
    let (done, answers) = mpsc::channel();
    let mut under_way = 0_u32;
    let mut changes = Vec::new();
    let wait = |under_way: &mut u32| -> anyhow::Result<()> {
        let durable: bool = answers.recv_timeout(Duration::from_secs(60))?;
        *under_way -= 1;
        if durable {
            Ok(())
        } else {
            bail!("the log did not take a batch")
        }
    };
    let mut users = users.peekable();
    while let Some(user) = users.next() {
        changes.push(registration(user, cseq));
        if changes.len() == BATCH as usize || users.peek().is_none() {
            let done = done.clone();
            bindings.commit(&changes, move |durable| {
                // Nobody listens any more when the phase has failed.
                let _gone = done.send(durable);
            });
            changes.clear();
            under_way += 1;
        }
        if under_way == 8 {
            wait(&mut under_way)?;
        }
    }
    while under_way > 0 {
        wait(&mut under_way)?;
    }
    Ok(())
}

fn aor(user: u32) -> String {
    format!("sip:user{user:07}@contoso.com")
}

/// A registration as a common phone makes it, in lengths and in what differs from user to user.
fn registration(user: u32, cseq: u32) -> Change {
    let instance = format!("<urn:uuid:7f3e0c52-8a41-4d6b-9c1e-{user:012x}>");
    let token = format!("UAAAA{user:08x}AAAAAAABq5cRZ{user:08x}");
    let binding = Binding {
        contact: format!(
            "sip:user{user:07}@10.1.{}.{}:49152;transport=tls",
            user / 250 % 250,
            user % 250
        ),
        params: format!(";+sip.instance=\"{instance}\";reg-id=1"),
        instance: Some(instance),
        reg_id: 1,
        q: 1000,
        expires_at: ENDS,
        call_id: format!("{user:08x}-51d2-4c0e-8e7a-0d9b6a1c2f33"),
        cseq,
        route: vec![format!(
            "<sip:{token}@fe01.contoso.net:5061;transport=tls;lr>"
        )],
        user_agent: format!("LinphoneDesktop/5.{}.1 (Debian GNU/Linux)", user % 20),
        remote: false,
    };
    Change {
        aor: aor(user),
        remove: Vec::new(),
        put: vec![binding],
    }
}

fn each(time: Duration, count: u32) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(count)
}

/// A figure of `/proc/self/status`, in MiB.
pub(crate) fn memory(name: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    let kib: f64 = kib.context("the kernel tells no memory use")?.parse()?;
    Ok(kib / 1024.0)
}

/// Bytes of the files of a folder, in MiB.
pub(crate) fn size_of(folder: &Path) -> anyhow::Result<f64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    #[expect(clippy::cast_precision_loss, reason = "a size on a disk")]
    let mib = bytes as f64 / 1_048_576.0;
    Ok(mib)
}

fn text(figures: &Figures) -> String {
    let Figures {
        machine,
        fill,
        open,
        bytes_per_binding,
        disk_mib,
    } = figures;
    format!(
        "{on}\n\n\
         | with {count} bindings | |\n|---|---:|\n\
         | memory of the process after a restart | {rss:.0} MiB ({bytes_per_binding:.0} bytes a binding), at most {peak:.0} MiB on the way |\n\
         | memory after registering them one by one | {filled:.0} MiB, at most {fill_peak:.0} MiB on the way |\n\
         | restart until ready | {ready:.1} s |\n\
         | log and snapshots on disk | {disk_mib:.0} MiB |\n\
         | processor time of a look-up | {lookup:.2} us |\n\
         | processor time of a durable refresh | {refresh:.1} us |\n\
         | a sweep that finds {SWEEP} ended users | {sweep:.2} ms |\n",
        on = report::on(machine),
        count = open.bindings,
        rss = open.rss_mib,
        peak = open.peak_mib,
        filled = fill.rss_mib,
        fill_peak = fill.peak_mib,
        ready = open.ready_secs,
        lookup = open.lookup_us,
        refresh = open.refresh_us,
        sweep = open.sweep_ms,
    )
}
