//! Every message of the malformed families at every door, over TLS, TCP and UDP: no crash, no stall of a phone beside
//! it, no leak.
//!
//! After each message the same connection is asked how the server is: the answer comes, or the connection has ended.
//! Over UDP the answer always comes. What is too long for a datagram is sent on streams alone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use system::agent::{Agent, AgentError, Link};
use system::deployment::Deployment;
use system::malformed::{After, Fate, Malformed, all};
use system::tls::Wire;
use system::wait;

use super::bad_input::neighbour;
use super::site::{DIR01, EDGE01, FE01, OUTSIDE, Site, flow, topology};

/// Longer than a busy machine needs for one exchange, shorter than any timeout of the product.
const SERVED_WITHIN: Duration = Duration::from_secs(5);
/// The one transport that is no stream.
const UDP: &str = "UDP";
/// The relays of the neighbour: one at the Edge, one at its next hop, one at home.
const NEIGHBOUR: u64 = 3;
/// What memory may grow by between two passes over the table: pages that the allocator keeps, not messages.
const GROWTH: u64 = 16 << 20;

/// What open files may grow by: a connection between machines that was dialled meanwhile has both its ends here.
const FILES: usize = 16;
/// Longer than an unanswered transaction (RFC 3261 17: 64 T1, 32 seconds) and the silence after which a pair of
/// addresses is forgotten.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(120);

/// A door, and the name under which its server answers.
type Door<'a> = (&'static str, &'static str, &'a dyn Fn() -> Agent);

/// Sends one message and the question behind it; tells what was wrong.
fn suffer(door: Door<'_>, one: &Malformed) -> Result<(), String> {
    let (transport, server, connect) = door;
    let is_datagram = transport == UDP;
    if is_datagram && !one.fits_a_datagram() {
        return Ok(());
    }
    let fate = if is_datagram {
        one.as_datagram
    } else {
        one.fate
    };
    let mut agent = connect();
    let question = agent.request("OPTIONS", &format!("sip:{server}"));
    // The server may close while it still comes.
    let _ = agent
        .send_raw(&one.bytes)
        .and_then(|()| agent.send(&question));
    let asked = question.get("Call-ID").unwrap_or_default().to_owned();
    let is_other = |message: &sip::msg::Message| {
        !message.is_request() && message.status() >= 200 && message.call_id().ok() != Some(&asked)
    };
    let answered = agent.expect_final(&question);
    let mut refused = || agent.take(Duration::ZERO, "a refusal", is_other).is_ok();
    let takes_all = fate == Fate::Survived && !is_datagram;
    let after = match &answered {
        Ok(answer) if answer.status() == 200 && is_datagram => After::Datagram,
        Ok(answer) if answer.status() == 200 => After::Open,
        Err(AgentError::Wire(error)) if error.is_end() && !is_datagram => After::Ended,
        // An answer without what its request lacked; the answer to the question is behind it.
        Err(AgentError::Garbled(_)) => return Ok(()),
        // A head without an end takes the question in, and is refused as a whole.
        Ok(answer) if takes_all && answer.status() >= 400 => return Ok(()),
        Err(AgentError::Other { .. }) if takes_all && refused() => return Ok(()),
        other => {
            let (family, name) = (one.family, &one.name);
            return Err(format!("{transport} {server}: {family} {name}: {other:?}"));
        }
    };
    // Through another server the answer may come later than ours.
    let wait = if after == After::Ended || fate.allows(None, after) {
        Duration::ZERO
    } else {
        SERVED_WITHIN
    };
    let answer = agent.take(wait, "an answer", is_other).ok();
    let status = answer.map(|answer| answer.status());
    if fate.allows(status, after) {
        Ok(())
    } else {
        Err(format!(
            "{transport} {server}: {} {}: {status:?}, {after:?}, expected {fate:?}",
            one.family, one.name
        ))
    }
}

/// What must be as before when all is over: relays and flows of the machines that were sent to, files of the process.
#[derive(Debug, Clone, Copy)]
struct Held {
    relays: u64,
    flows: u64,
    files: usize,
}

impl Held {
    fn by(site: &Site, product: &mut Deployment) -> Self {
        let machines = [DIR01, EDGE01, FE01].map(|machine| site.report(machine));
        let sum = |name| machines.iter().map(|report| report.count(name)).sum();
        let files = format!("/proc/{}/fd", product.process().id());
        Self {
            relays: sum("relays"),
            flows: sum("flows"),
            files: std::fs::read_dir(files).unwrap().count(),
        }
    }

    /// Tells whether all is back; the neighbour may have a relay under way, and machines dial one another.
    const fn is_as(&self, before: &Self) -> bool {
        self.relays <= before.relays + NEIGHBOUR
            && self.flows <= before.flows + FILES as u64
            && self.files <= before.files + FILES
    }
}

/// Returns the resident memory of a process in bytes.
fn memory(product: &mut Deployment) -> u64 {
    let path = format!("/proc/{}/status", product.process().id());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let number = line.split_whitespace().nth(1).unwrap();
    number.parse::<u64>().unwrap() << 10
}

/// The reference topology with every transport inside, in which one source may offend as often as it likes and is soon
/// forgotten: what is under test is the answer to each offence, not to the thousandth.
fn without_penalties(site: &Site) -> PathBuf {
    let text = std::fs::read_to_string(topology()).unwrap();
    let file = site.folder().join("without-penalties.toml");
    let more = "\n[sip]\nplain = [\"udp\", \"tcp\"]\n[limits]\nfailures_per_source = 1000000\nidle = \"30s\"\n";
    std::fs::write(&file, text + more).unwrap();
    file
}

#[test]
fn malformed_invites_of_every_family_neither_harm_nor_stall_nor_stay() {
    let site = Site::new();
    let mut product = site.up_with(&without_penalties(&site));
    let neighbour = neighbour(&site, &product.facts().users);
    let manner = site.phone_manner();
    let agent = |link: Link| Agent::new(link).unwrap().with_patience(SERVED_WITHIN);
    let over_tls = |place: SocketAddr, name: &str| {
        let wire = Wire::connect(&manner, place, name).unwrap();
        agent(Link::Tls(Box::new(wire)))
    };
    let [inner, outer, plain] = [
        (DIR01, flow::SIGN_IN),
        (EDGE01, flow::OUTSIDE),
        (FE01, flow::PLAIN),
    ]
    .map(|(machine, row)| site.address(machine, row));
    let client = site.block().address(200);
    let inside = || over_tls(inner, DIR01);
    let outside = || over_tls(outer, OUTSIDE);
    let tcp = || agent(Link::tcp(client, plain).unwrap());
    let udp = || agent(Link::udp(client, plain).unwrap());
    let doors: [Door<'_>; 4] = [
        ("TLS", DIR01, &inside),
        ("TLS", OUTSIDE, &outside),
        ("TCP", FE01, &tcp),
        (UDP, FE01, &udp),
    ];
    let table = all("contoso.com");
    let before = Held::by(&site, &mut product);
    let mut sizes = Vec::new();
    let mut faults = Vec::new();
    for _ in 0..2 {
        for door in doors {
            faults.extend(table.iter().filter_map(|one| suffer(door, one).err()));
        }
        if !faults.is_empty() {
            break;
        }
        sizes.push(memory(&mut product));
    }
    let (count, faults) = (faults.len(), faults.join("\n  "));
    assert!(count == 0, "{count} faults:\n  {faults}");
    assert!(
        sizes[1] < sizes[0] + GROWTH,
        "memory goes from {} to {}",
        sizes[0],
        sizes[1]
    );
    let mut last = before;
    let is_back = || {
        last = Held::by(&site, &mut product);
        last.is_as(&before).then_some(())
    };
    let forgotten = wait::until(FORGOTTEN_WITHIN, is_back);
    assert!(forgotten.is_some(), "{before:?} became {last:?}");
    neighbour.was_served();
}
