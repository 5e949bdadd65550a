//! `vestibule firewall audit`: what the rules of a system let pass, compared with the plan of its place.
//!
//! Without a file the rules that are loaded are asked for: `nft -j list ruleset`, and where iptables has left rules
//! there, `iptables-save` and `ip6tables-save`, which tell more of them.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use firewall::audit::Report;
use firewall::plan::Plan;
use firewall::ruleset::{self, LONGEST_TEXT, Ruleset};
use runtime::program::{self, Bounds};

use super::Where;
use crate::output::{Mark, Outcome, Output, Table};
use crate::topology_file;

/// What a program may take that lists the rules of the system.
const BOUNDS: Bounds = Bounds {
    time: Duration::from_secs(30),
    answer: LONGEST_TEXT as u64,
};
/// How wide the word for the kind of a finding is printed.
const KIND_WIDTH: usize = "unjudged".len();

/// Compare loaded or given rules with the plan: what is blocked, what passes beyond it, which rules do nothing.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  vestibule firewall audit topology.toml --machine edge01.contoso.net                    the rules of this machine
  ssh dir01 nft -j list ruleset | vestibule firewall audit topology.toml --machine dir01.contoso.net -
  vestibule firewall audit topology.toml --boundary outside rules.v4 rules.v6            two files of iptables-save

Exit code 1: something is blocked, passes beyond the plan, or cannot be told.")]
pub(crate) struct Audit {
    /// The topology file.
    topology: PathBuf,
    #[command(flatten)]
    place: Where,
    /// Files with the output of `nft -j list ruleset`, `iptables-save` or `ip6tables-save`; `-` reads it.
    rules: Vec<PathBuf>,
    /// Tell of rules, too, that could take packets and have counted none.
    #[arg(long)]
    unused: bool,
}

impl Audit {
    /// Prints the audit.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        let Some(topology) = topology_file::load(&self.topology, output)? else {
            return Ok(Outcome::Faults);
        };
        let Some(place) = self.place.place(&topology)? else {
            bail!("say which place: --machine FQDN, or --boundary outside or inside");
        };
        let plan = Plan::of(&topology);
        let rules = super::rules(&plan, &place)?;
        let ruleset = if self.rules.is_empty() {
            loaded()?
        } else {
            given(&self.rules)?
        };
        let report = firewall::audit::audit(&ruleset, rules, plan.held(&place))?;
        if output.is_json() {
            output.json(&report)?;
        } else {
            self.tell(&report, output)?;
        }
        Ok(if report.is_clean() {
            Outcome::Done
        } else {
            Outcome::Faults
        })
    }

    fn tell(&self, report: &Report, output: &Output) -> anyhow::Result<()> {
        for finding in &report.blocked {
            output.line(output.marked(Mark::Wrong, "blocked", KIND_WIDTH, finding))?;
        }
        for finding in &report.beyond {
            output.line(output.marked(Mark::Warning, "beyond", KIND_WIDTH, finding))?;
        }
        for finding in &report.unjudged {
            output.line(output.marked(Mark::Unknown, "unjudged", KIND_WIDTH, finding))?;
        }
        self.tell_of_rules(report, output)?;
        if report.cut_short {
            output.line("There is more; it is told once these are in order.")?;
        }
        output.line(verdict(report))
    }

    /// Rules that do nothing, and what was found and is not judged.
    fn tell_of_rules(&self, report: &Report, output: &Output) -> anyhow::Result<()> {
        let mut table = Table::new(["Rule or chain", "What is to be known"]);
        for shadowed in &report.shadowed {
            let by: Vec<String> = shadowed.by.iter().map(ToString::to_string).collect();
            let why = match by.as_slice() {
                [] => "no packet that comes to its chain fits it".to_owned(),
                by => format!("its packets are taken by\n{}", by.join("\n")),
            };
            table.row([shadowed.rule.to_string(), why]);
        }
        for chain in &report.unreachable {
            table.row([chain.as_str(), "no packet comes to it"]);
        }
        for rule in report.unused.iter().filter(|_| self.unused) {
            table.row([rule.to_string(), "has counted no packet".to_owned()]);
        }
        for note in &report.notes {
            table.row([note.what.as_str(), note.meaning]);
        }
        if table.is_empty() {
            return Ok(());
        }
        if !report.is_clean() {
            output.line("")?;
        }
        output.table(&table)?;
        output.line("")
    }
}

fn verdict(report: &Report) -> String {
    let Report {
        blocked,
        beyond,
        unjudged,
        shadowed,
        unused,
        work,
        ..
    } = report;
    let place = &report.place;
    let doing_nothing = format!(
        "{} of {} rules are shadowed, {} have counted nothing",
        shadowed.len(),
        work.rules,
        unused.len()
    );
    if report.is_clean() {
        return format!(
            "{place}: everything of the plan passes, and nothing else; {doing_nothing}."
        );
    }
    format!(
        "{place}: {} blocked, {} beyond the plan, {} cannot be told; {doing_nothing}.",
        blocked.len(),
        beyond.len(),
        unjudged.len(),
    )
}

fn given(files: &[PathBuf]) -> anyhow::Result<Ruleset> {
    let mut all: Option<Ruleset> = None;
    for file in files {
        let (name, text) = text_of(file)?;
        let one =
            ruleset::read(&text).with_context(|| format!("cannot take the rules of {name}"))?;
        all = Some(joined(all, one)?);
    }
    Ok(all.unwrap_or_default())
}

fn joined(before: Option<Ruleset>, one: Ruleset) -> anyhow::Result<Ruleset> {
    match before {
        Some(before) => before.joined(one).context("the rules do not fit together"),
        None => Ok(one),
    }
}

fn text_of(file: &Path) -> anyhow::Result<(String, String)> {
    let name = file.display().to_string();
    let cannot = || format!("cannot read {name}");
    let mut text = String::new();
    let most = LONGEST_TEXT as u64 + 1;
    if name == "-" {
        let input = std::io::stdin().lock();
        input
            .take(most)
            .read_to_string(&mut text)
            .with_context(cannot)?;
        return Ok(("the standard input".to_owned(), text));
    }
    let input = std::fs::File::open(file).with_context(cannot)?;
    input
        .take(most)
        .read_to_string(&mut text)
        .with_context(cannot)?;
    Ok((name, text))
}

/// The rules that are loaded where this runs.
fn loaded() -> anyhow::Result<Ruleset> {
    let text = said_by("nft", &["-j", "list", "ruleset"])?;
    let mut all = ruleset::read(&text).context("cannot take what nft lists")?;
    if text.contains("\"xt\"") {
        for program in ["iptables-save", "ip6tables-save"] {
            let text = said_by(program, &["-c"])?;
            if text.trim().is_empty() {
                continue;
            }
            let one = ruleset::read(&text);
            let one = one.with_context(|| format!("cannot take what {program} lists"))?;
            all = joined(Some(all), one)?;
        }
    }
    Ok(all)
}

fn said_by(program: &str, words: &[&str]) -> anyhow::Result<String> {
    let said = program::run(Command::new(program).args(words), "", BOUNDS);
    let said = said.with_context(|| format!("cannot run {program}; give a file with the rules"))?;
    let Some(said) = said else {
        bail!("{program} does not end within {} s", BOUNDS.time.as_secs());
    };
    if !said.status.success() {
        bail!("{program} {} fails: {}", words.join(" "), said.err.trim());
    }
    Ok(said.out)
}
