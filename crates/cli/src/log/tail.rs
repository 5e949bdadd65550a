//! `vestibule log tail`: what all machines capture, as they capture it.

use std::path::PathBuf;
use std::time::Duration;

use logs::{LONGEST_SPAN, Span};
use roles::controlling::{self, Following, Heard};
use runtime::signals::Signals;
use tokio::time::sleep;

use super::ask::{self, Ask, Whom};
use super::criteria::What;
use super::search::{Ended, Shown, Why, or_write};
use super::sink::{Form, Sink};
use crate::output::{Outcome, Output};

/// Follow what all machines capture, as they capture it.
#[derive(clap::Args)]
#[command(after_help = "\
Ctrl-C ends it. Records of different machines are put in the order of their time as far as they come within a quarter of a
second. Records that come faster than they are taken are counted as missed; `vestibule log search` finds them.
Ends with 1 if a machine could not be followed to the end.

Examples:
  vestibule log tail                                                      the trial that `up` runs
  vestibule log tail topology.toml --uri alice@contoso.com --full
  vestibule log tail topology.toml --level warning --for 10m --json")]
pub(crate) struct Tail {
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    shown: Shown,
    /// End after this time, as 90s, 30m or 4h.
    #[arg(long = "for", value_name = "TIME", value_parser = length)]
    lasts: Option<Duration>,
    /// Append the text form to a file, rather than show records here.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Tail {
    /// Follows until somebody has seen enough.
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<Outcome> {
        // The time of a query does not count for a tail.
        let query = self
            .what
            .within(Span::parse(None, None, controlling::now())?)?;
        let Some(ask) = self.whom.ready(output)? else {
            return Ok(Outcome::Faults);
        };
        let mut sink = match &self.output {
            Some(path) => Sink::file(path, Form::Text)?,
            None => Sink::out(self.shown.form(&ask.targets, output)),
        };
        ask::block_on(async {
            let mut signals = Signals::listen()?;
            let mut tail = Watch {
                following: ask.controller.follow(&ask.targets, &query),
                left: self.what.limit(),
                given: 0,
                settled: 0,
                listening: 0,
            };
            let over = async {
                match self.lasts {
                    Some(lasts) => sleep(lasts).await,
                    None => std::future::pending().await,
                }
            };
            let why = tokio::select! {
                why = tail.show(&ask, &mut sink, output) => why?,
                () = over => Why::Done,
                _ = signals.next() => Why::Done,
            };
            let ended = Ended {
                given: tail.given,
                why,
                reports: tail.following.finish(),
            };
            ended.tell(&mut sink, &mut signals, output).await
        })
    }
}

/// A tail and how far it has come.
struct Watch {
    following: Following,
    left: Option<u32>,
    given: u64,
    /// Agents of which it is known whether they take part.
    settled: usize,
    listening: usize,
}

impl Watch {
    async fn show(&mut self, ask: &Ask, sink: &mut Sink, output: &Output) -> anyhow::Result<Why> {
        while self.left != Some(0) {
            let heard = match or_write(self.following.next(), sink).await? {
                None => return Ok(Why::Gone),
                Some(None) => return Ok(Why::Done),
                Some(Some(heard)) => heard,
            };
            match heard {
                Heard::Record(found) => {
                    self.given += 1;
                    self.left = self.left.map(|left| left - 1);
                    sink.put(&found.record, &found.text).await?;
                    if sink.is_gone() {
                        return Ok(Why::Gone);
                    }
                }
                Heard::Listening(_) => self.settle(true, ask, output)?,
                Heard::Missed(agent, records) => {
                    let machine = name(ask, agent);
                    output.complain(format_args!("{machine}: {records} records missed"))?;
                }
                Heard::Ended(agent) => {
                    let why = self.following.report(agent);
                    let why = why.and_then(|report| report.status.why());
                    let machine = name(ask, agent);
                    output.complain(format_args!("{machine}: {}", why.unwrap_or_default()))?;
                    self.settle(false, ask, output)?;
                }
            }
        }
        Ok(Why::Limit)
    }

    /// Says how many take part, once it is known of all.
    fn settle(&mut self, listening: bool, ask: &Ask, output: &Output) -> anyhow::Result<()> {
        self.settled += 1;
        self.listening += usize::from(listening);
        if self.settled != ask.targets.len() {
            return Ok(());
        }
        let (of, listening) = (ask.targets.len(), self.listening);
        output.complain(format_args!("following {listening} of {of} machines"))
    }
}

fn name(ask: &Ask, agent: usize) -> &str {
    ask.targets.get(agent).map_or("", |target| &target.machine)
}

/// Reads a length of time.
fn length(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    let read = units.into_iter().find_map(|(unit, seconds)| {
        let number = text.strip_suffix(unit)?.parse::<u64>().ok()?;
        number.checked_mul(seconds).map(Duration::from_secs)
    });
    read.filter(|read| !read.is_zero() && *read <= LONGEST_SPAN)
        .ok_or_else(|| "write 90s, 30m, 4h or 2d, up to 366 days".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_a_unit() {
        assert_eq!(length("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(length("2h"), Ok(Duration::from_secs(7200)));
        for bad in ["", "10", "0s", "-1s", "h", "400d", "99999999999999999d"] {
            assert!(length(bad).is_err(), "{bad}");
        }
    }
}
