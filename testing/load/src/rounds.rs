//! Rounds: every server in turn, again and again, so that what the machine does in between hits all of them alike.
//!
//! One *setting* is a kind of work at a pace. In each round of a setting each server is loaded once; its figure is the
//! median over the rounds, with the lowest and highest beside it.

use std::time::Duration;

use serde::Serialize;

use crate::client::{Crowd, Load, Measured, Pace};
use crate::peer::{Name, Server};
use crate::phone::Work;
use crate::print::note;

/// With this word begins a fault that is a server's own.
pub(crate) const FAILED: &str = "FAILED";

/// How long and how often to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Phones.
    pub(crate) phones: usize,
    /// The paces of every kind of work.
    pub(crate) paces: Vec<Pace>,
    /// Rounds of each setting.
    pub(crate) rounds: usize,
    /// Before each measurement.
    pub(crate) warm_up: Duration,
    /// Each measurement.
    pub(crate) window: Duration,
    /// Phones that sign in and say nothing more, for what they cost in memory.
    pub(crate) idle: usize,
}

/// A server in one kind of work.
#[derive(Debug)]
pub(crate) struct Contender {
    /// Whose.
    pub(crate) name: Name,
    /// The server.
    pub(crate) server: Server,
    /// Its phones.
    pub(crate) crowd: Crowd,
}

impl Contender {
    /// Enters a server with phones that do this work.
    pub(crate) fn new(name: Name, work: Work, server: Server) -> Self {
        let crowd = Crowd::new(server.target.clone(), work);
        Self {
            name,
            server,
            crowd,
        }
    }

    /// Hangs up all phones and stops the server.
    pub(crate) async fn leave(self) {
        self.crowd.hang_up().await;
        self.server.stop().await;
    }

    async fn round(&mut self, load: Load) -> anyhow::Result<Measured> {
        let measured = self.crowd.run(load, &self.server.trees()).await?;
        if let Some(first) = measured.failures.first() {
            let (name, count) = (self.name.text(), measured.failures.len());
            note(&format!("{name}: {count} failures, the first: {first}"));
        }
        Ok(measured)
    }
}

/// The figures of one server in one setting.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// The kind of work, in words.
    pub(crate) work: &'static str,
    /// The pace, in words.
    pub(crate) pace: String,
    /// Whose.
    pub(crate) server: Name,
    /// Processor time per unit, microseconds: the median of the rounds.
    pub(crate) cpu_us: f64,
    /// The lowest round.
    pub(crate) cpu_us_low: f64,
    /// The highest round.
    pub(crate) cpu_us_high: f64,
    /// Half of the units took no longer, milliseconds (median of the rounds).
    pub(crate) p50_ms: f64,
    /// 99 of 100 units took no longer, milliseconds (median of the rounds).
    pub(crate) p99_ms: f64,
    /// Units a second (median of the rounds).
    pub(crate) per_second: f64,
    /// Messages that were passed on for one unit (median of the rounds).
    pub(crate) passed_on: f64,
    /// Phones given up and sign-ins repeated, all rounds together.
    pub(crate) failures: usize,
}

/// Measures all contenders of one kind of work at every pace of the plan.
///
/// A server that ends or takes no phones any more leaves the rounds; that is noted among the faults, and it is measured
/// by the rounds that it stood through.
pub(crate) async fn measure(
    title: &'static str,
    contenders: Vec<Contender>,
    plan: &Plan,
    faults: &mut Vec<String>,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut standing = contenders;
    for &pace in &plan.paces {
        let setting = format!("{title}, {}", in_words(pace));
        let Plan {
            phones,
            warm_up,
            window,
            ..
        } = *plan;
        let load = Load {
            phones,
            pace,
            warm_up,
            window,
        };
        let mut results: Vec<(Name, Vec<Measured>)> = Vec::new();
        for round in 1..=plan.rounds {
            note(&format!("{setting}: round {round} of {}", plan.rounds));
            standing = each_once(standing, load, &mut results, &setting, faults).await;
        }
        rows.extend(
            results
                .iter()
                .map(|(name, all)| row(title, *name, pace, all)),
        );
    }
    for one in standing {
        let complaints = one.server.complaints();
        if !complaints.is_empty() {
            note(&format!("{} complained: {complaints}", one.name.text()));
        }
        one.leave().await;
    }
    rows
}

/// One round; returns who stood through it.
async fn each_once(
    standing: Vec<Contender>,
    load: Load,
    results: &mut Vec<(Name, Vec<Measured>)>,
    setting: &str,
    faults: &mut Vec<String>,
) -> Vec<Contender> {
    let mut through = Vec::new();
    for mut one in standing {
        match one.round(load).await {
            Ok(measured) => {
                match results.iter_mut().find(|(name, _)| *name == one.name) {
                    Some((_, rounds)) => rounds.push(measured),
                    None => results.push((one.name, vec![measured])),
                }
                through.push(one);
            }
            Err(error) => {
                let line = format!("{FAILED}: {setting}: {}: {error:#}", one.name.text());
                note(&format!("{line}; it said: {}", one.server.complaints()));
                faults.push(line);
                one.leave().await;
            }
        }
    }
    through
}

fn row(title: &'static str, server: Name, pace: Pace, rounds: &[Measured]) -> Row {
    let each = |figure: fn(&Measured) -> f64| sorted(rounds.iter().map(figure).collect());
    let cpu = each(|round| micros(round.cpu) / count(round.units));
    Row {
        work: title,
        pace: in_words(pace),
        server,
        cpu_us: median(&cpu),
        cpu_us_low: cpu.first().copied().unwrap_or(f64::NAN),
        cpu_us_high: cpu.last().copied().unwrap_or(f64::NAN),
        p50_ms: median(&each(|round| micros(part(&round.latencies, 50)) / 1e3)),
        p99_ms: median(&each(|round| micros(part(&round.latencies, 99)) / 1e3)),
        per_second: median(&each(|round| {
            count(round.units) / round.window.as_secs_f64()
        })),
        passed_on: median(&each(|round| count(round.passed_on) / count(round.units))),
        failures: rounds.iter().map(|round| round.failures.len()).sum(),
    }
}

fn in_words(pace: Pace) -> String {
    match pace {
        Pace::PerSecond(rate) => format!("{rate}/s"),
        Pace::Closed => "unpaced".to_owned(),
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of one run stay far below 2^52"
)]
fn count(units: u64) -> f64 {
    units as f64
}

fn sorted(mut figures: Vec<f64>) -> Vec<f64> {
    figures.sort_unstable_by(f64::total_cmp);
    figures
}

/// The middle of an ascending list; of two middles, their mean.
fn median(ascending: &[f64]) -> f64 {
    let upper = ascending.len() / 2;
    let lower = ascending.len().saturating_sub(1) / 2;
    match (ascending.get(lower), ascending.get(upper)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => f64::NAN,
    }
}

/// The value that so many of a hundred do not exceed, from an ascending list.
fn part(ascending: &[Duration], percent: usize) -> Duration {
    let rank = (ascending.len() * percent).div_ceil(100).saturating_sub(1);
    ascending.get(rank).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{median, part};

    #[test]
    fn medians_of_odd_even_and_no_rounds() {
        assert!((median(&[1.0, 2.0, 9.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[1.0, 2.0]) - 1.5).abs() < f64::EPSILON);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(part(&times, 50), Duration::from_millis(100));
        assert_eq!(part(&times, 99), Duration::from_millis(198));
        assert_eq!(part(&[], 99), Duration::ZERO);
    }
}
