//! What the text of SIP costs without any network: parsing, checking and forwarding, in time and in instructions.
//!
//! Time is the processor time of one thread, the best of a few repetitions, since everything that disturbs makes it longer. Instructions
//! are counted by valgrind's callgrind over this program run again (`load message`): the count of a run that does
//! nothing is taken off, the rest divided by the number of messages. Of a whole node only its own are counted. They hardly vary from run to run, so they show
//! small changes that time hides. Without valgrind they are left out and that is said.
//!
//! The messages are the samples of the `sip` crate, a REGISTER of 1.2 KB and an INVITE of 1.7 KB, and what the phones of
//! `model::speed` say to a node.

use std::hint::black_box;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use model::speed::{COUNTED as COUNTED_WITHIN, Calls, Redirects};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use sip::msg::{Frame, Framer, Limits, Message, Name};
use tokio::process::Command;

const REGISTER: &[u8] = include_bytes!("../../../crates/proto/sip/testdata/register.sip");
const INVITE: &[u8] = include_bytes!("../../../crates/proto/sip/testdata/invite.sip");

/// Messages per repetition when time is taken.
const TIMED: u32 = 200_000;
const REPETITIONS: u32 = 3;
/// Messages when instructions are counted.
const COUNTED: u32 = 1_000;

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Case {
    /// Find the lines of a REGISTER.
    ParseRegister,
    /// The same, and look at what every element looks at before it acts.
    CheckRegister,
    /// Find the lines of an INVITE.
    ParseInvite,
    /// Parse an INVITE and write it with the changes of a proxy.
    ForwardInvite,
    /// Take an INVITE out of a stream, check it, write it with the changes of a proxy.
    RelayInvite,
    /// All that a Director does about a signed REGISTER.
    Redirect,
    /// All that a Front End does about a call: six messages and their transactions.
    Call,
}

impl Case {
    const ALL: [Self; 7] = [
        Self::ParseRegister,
        Self::CheckRegister,
        Self::ParseInvite,
        Self::ForwardInvite,
        Self::RelayInvite,
        Self::Redirect,
        Self::Call,
    ];

    const fn text(self) -> &'static str {
        match self {
            Self::ParseRegister => "REGISTER: parse",
            Self::CheckRegister => "REGISTER: parse, check",
            Self::ParseInvite => "INVITE: parse",
            Self::ForwardInvite => "INVITE: parse, forward",
            Self::RelayInvite => "INVITE: frame, check, forward",
            Self::Redirect => "REGISTER -> 301, a whole node",
            Self::Call => "a call of six messages, a whole node",
        }
    }

    /// How often it is done when time is taken.
    const fn timed(self) -> u32 {
        match self {
            Self::Redirect | Self::Call => TIMED / 20,
            Self::ParseRegister
            | Self::CheckRegister
            | Self::ParseInvite
            | Self::ForwardInvite
            | Self::RelayInvite => TIMED,
        }
    }

    /// The functions within which the instructions are the product's; `None` if nearly all of the run's are.
    const fn counted_within(self) -> Option<&'static str> {
        match self {
            Self::Redirect | Self::Call => Some(COUNTED_WITHIN),
            Self::ParseRegister
            | Self::CheckRegister
            | Self::ParseInvite
            | Self::ForwardInvite
            | Self::RelayInvite => None,
        }
    }
}

/// What doing a case took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    bytes: usize,
    /// The node's own time; `None` if nearly all of the run's is the product's.
    time: Option<Duration>,
}

/// The figures of one case.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MessageRow {
    /// What is done.
    pub(crate) what: &'static str,
    /// Size of the message.
    pub(crate) bytes: usize,
    /// Nanoseconds a message.
    pub(crate) nanos: f64,
    /// Instructions a message, where they could be counted.
    pub(crate) instructions: Option<u64>,
}

/// Measures every case; the flag tells whether instructions could be counted.
///
/// # Errors
/// A sample is refused, or valgrind fails.
pub(crate) async fn measure() -> anyhow::Result<(Vec<MessageRow>, bool)> {
    let mut rows = Vec::new();
    for case in Case::ALL {
        let idle = instructions(case, 0).await?;
        let all = instructions(case, COUNTED).await?;
        let counted = all.zip(idle).map(|(all, idle)| all.saturating_sub(idle));
        rows.push(MessageRow {
            what: case.text(),
            bytes: repeat(case, 1)?.bytes,
            nanos: nanos(case)?,
            instructions: counted.map(|count| count / u64::from(COUNTED)),
        });
    }
    let counted = rows.iter().all(|row| row.instructions.is_some());
    Ok((rows, counted))
}

/// Does one case so many times; returns the bytes of one of them, and the node's time on all.
///
/// No clock of the system's is read here: valgrind, which counts this, cannot run the way to it.
///
/// # Errors
/// The sample is refused.
pub(crate) fn repeat(case: Case, times: u32) -> anyhow::Result<Done> {
    let each = |all: usize| all / usize::try_from(times.max(1)).unwrap_or(usize::MAX);
    Ok(match case {
        Case::ParseRegister => text(REGISTER, times, |bytes| parse(bytes).map(drop))?,
        Case::CheckRegister => text(REGISTER, times, |bytes| {
            black_box(parse(bytes)?.check()?);
            Ok(())
        })?,
        Case::ParseInvite => text(INVITE, times, |bytes| parse(bytes).map(drop))?,
        Case::ForwardInvite => text(INVITE, times, |bytes| {
            parse(bytes).map(|message| forward(&message))
        })?,
        Case::RelayInvite => text(INVITE, times, relay)?,
        Case::Redirect => {
            let mut redirects = Redirects::default();
            (0..times).for_each(|_| redirects.register());
            Done {
                bytes: each(redirects.taken_in()),
                time: Some(redirects.spent()),
            }
        }
        Case::Call => {
            let mut calls = Calls::default();
            (0..times).for_each(|_| calls.call());
            Done {
                bytes: each(calls.taken_in()),
                time: Some(calls.spent()),
            }
        }
    })
}

/// Does something with the text of a message so many times.
fn text(
    sample: &'static [u8],
    times: u32,
    work: impl Fn(Bytes) -> anyhow::Result<()>,
) -> anyhow::Result<Done> {
    let bytes = Bytes::from_static(sample);
    for _ in 0..times {
        work(black_box(bytes.clone()))?;
    }
    Ok(Done {
        bytes: sample.len(),
        time: None,
    })
}

fn parse(bytes: Bytes) -> anyhow::Result<Message> {
    Ok(black_box(Message::parse(bytes, &Limits::CLIENT)?))
}

fn relay(bytes: Bytes) -> anyhow::Result<()> {
    let mut framer = Framer::new();
    framer.push(bytes);
    let Some(Frame::Message(message)) = framer.next(&Limits::CLIENT)? else {
        bail!("the sample is not one message");
    };
    message.check()?;
    forward(&message);
    Ok(())
}

/// The changes of a proxy on the way: a Via more, a hop less, its own Route taken off.
fn forward(message: &Message) {
    let hops = message.max_forwards().ok().flatten().unwrap_or(70);
    let mut edit = message.edit();
    edit.push(
        Name::Via,
        "SIP/2.0/TLS dir01.load.example:5061;branch=z9hG4bK-d1-0123456789abcdef;alias",
    );
    edit.set(Name::MaxForwards, hops.saturating_sub(1));
    edit.pop(Name::Route);
    black_box(edit.write());
}

fn nanos(case: Case) -> anyhow::Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..REPETITIONS {
        let times = case.timed();
        let start = thread_time();
        let done = repeat(case, times)?;
        let all = thread_time().saturating_sub(start);
        let took = done.time.unwrap_or(all);
        best = best.min(took.as_secs_f64() * 1e9 / f64::from(times));
    }
    Ok(best)
}

/// Processor time of this thread: what else runs on the machine is not in it.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Counts the instructions of this program doing one case; `None` if valgrind is not installed.
async fn instructions(case: Case, times: u32) -> anyhow::Result<Option<u64>> {
    let own = std::env::current_exe()?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    if let Some(functions) = case.counted_within() {
        command.arg(format!("--toggle-collect={functions}"));
    }
    let case = clap::ValueEnum::to_possible_value(&case).context("every case has a name")?;
    command.arg(own);
    command.args(["message", case.get_name(), "--times", &times.to_string()]);
    let output = match command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
    {
        Ok(output) => output,
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context("cannot start valgrind"),
    };
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("valgrind ended with {}: {text}", output.status);
    }
    let count = text.lines().find_map(|line| line.split_once("Collected :"));
    let count = count
        .with_context(|| format!("valgrind tells no count: {text}"))?
        .1;
    Ok(Some(count.trim().parse()?))
}

#[cfg(test)]
mod tests {
    use super::{Case, repeat};

    #[test]
    fn every_case_takes_its_sample() {
        for case in Case::ALL {
            repeat(case, 2).expect("the sample is sound");
        }
    }
}
