//! Every message of the malformed families at every door, over TLS, TCP and UDP: the outcome that the table says, no
//! crash, no stall of phones beside it on each transport, no leak.
//!
//! After each message the same connection is asked how the server is: the answer comes, or the connection has ended.
//! Over UDP the answer always comes. What is too long for a datagram is sent on streams alone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use sip::msg::Message;
use system::agent::{Agent, AgentError, Link};
use system::deployment::Deployment;
use system::held::{Held, growth};
use system::malformed::{DOORS, Malformed, Outcome, all, expected, line};
use system::tls::Wire;
use system::wait;

use super::bad_input::{Neighbour, neighbour};
use super::site::{DIR01, EDGE01, FE01, OUTSIDE, Site, flow, topology};

/// Longer than a busy machine needs for one exchange, shorter than any timeout of the product.
const SERVED_WITHIN: Duration = Duration::from_secs(5);
/// The one transport that is no stream.
const UDP: &str = "UDP";
/// What memory may grow by between two passes over the table: pages that the allocator keeps, not messages.
const GROWTH: u64 = 16 << 20;

/// What goes on beside: the neighbours' relays, one at each machine that they cross, and connections between machines
/// that were dialled meanwhile, both ends of which are here.
const SLACK: Held = Held {
    relays: 6,
    flows: 16,
    files: 16,
};
/// Longer than an unanswered transaction (RFC 3261 17: 64 T1, 32 seconds) and the silence after which a pair of
/// addresses is forgotten.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(120);

/// A door: its column in the table of outcomes, and the name under which its server answers.
type Door<'a> = (usize, &'static str, &'a (dyn Fn() -> Agent + Sync));

/// Sends one message and the question behind it, and tells what came of it.
fn suffer(door: Door<'_>, one: &Malformed, expected: Outcome) -> Result<Outcome, String> {
    let (column, server, connect) = door;
    let is_datagram = DOORS[column] == UDP;
    if is_datagram && !one.fits_a_datagram() {
        return Ok(Outcome::NotSent);
    }
    let mut agent = connect();
    let question = agent.request("OPTIONS", &format!("sip:{server}"));
    // The server may close while it still comes.
    let _ = agent
        .send_raw(&one.bytes)
        .and_then(|()| agent.send(&question));
    let asked = question.get("Call-ID").unwrap_or_default().to_owned();
    let is_other = |message: &Message| {
        !message.is_request() && message.status() >= 200 && message.call_id().ok() != Some(&asked)
    };
    match agent.expect_final(&question) {
        Ok(answer) if answer.status() == 200 => {
            // Through another server the answer may come later than ours.
            let wait = if expected == Outcome::Dropped {
                Duration::ZERO
            } else {
                SERVED_WITHIN
            };
            let answer = agent.take(wait, "an answer", is_other).ok();
            Ok(answer.map_or(Outcome::Dropped, |answer| {
                Outcome::Answered(answer.status())
            }))
        }
        // A head without an end takes the question in.
        Ok(answer) => Ok(Outcome::Taken(answer.status())),
        Err(AgentError::Wire(error)) if error.is_end() => Ok(Outcome::Closed),
        Err(AgentError::Other { .. }) => match agent.take(Duration::ZERO, "a refusal", is_other) {
            Ok(answer) => Ok(Outcome::Taken(answer.status())),
            Err(error) => Err(format!("{}: {error}", one.key())),
        },
        Err(error) => Err(format!("{}: {error}", one.key())),
    }
}

/// Sends the whole table through all doors at the same time; tells each message that fared otherwise, as its line would
/// have to be.
fn suffer_all(doors: &[Door<'_>], table: &[Malformed]) -> Vec<String> {
    let outcomes = expected().unwrap();
    // A message without a line is told with the line that it needs.
    let none = [Outcome::NotSent; DOORS.len()];
    let of = |one: &Malformed| *outcomes.get(&one.key()).unwrap_or(&none);
    let at_door = |door: &Door<'_>| {
        let (column, ..) = *door;
        let each = table.iter().map(|one| suffer(*door, one, of(one)[column]));
        each.collect::<Vec<_>>()
    };
    let columns = thread::scope(|scope| {
        let at_door = &at_door;
        let threads: Vec<_> = doors
            .iter()
            .map(|door| scope.spawn(move || at_door(door)))
            .collect();
        let ends = threads.into_iter().map(|thread| thread.join().unwrap());
        ends.collect::<Vec<_>>()
    });
    let mut faults = Vec::new();
    for (row, one) in table.iter().enumerate() {
        let seen = columns.iter().map(|column| column[row].clone());
        match seen.collect::<Result<Vec<_>, String>>() {
            Ok(seen) if seen == of(one) => {}
            Ok(seen) => faults.push(line(&one.key(), &seen)),
            Err(fault) => faults.push(fault),
        }
    }
    faults
}

/// What the machines that were sent to hold.
fn held_by(site: &Site, product: &mut Deployment) -> Held {
    let machines = [DIR01, EDGE01, FE01].map(|machine| site.report(machine));
    let sum = |name| machines.iter().map(|report| report.count(name)).sum();
    let files = format!("/proc/{}/fd", product.process().id());
    Held {
        relays: sum("relays"),
        flows: sum("flows"),
        files: std::fs::read_dir(files).unwrap().count(),
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
    let user = |number: usize| product.facts().users[number].clone();
    let neighbours = [
        neighbour(&site, &product.facts().users),
        Neighbour::at_home(tcp().acting_for(&user(0))),
        Neighbour::at_home(udp().acting_for(&user(2))),
    ];
    let doors: [Door<'_>; 4] = [
        (0, DIR01, &inside),
        (1, OUTSIDE, &outside),
        (2, FE01, &tcp),
        (3, FE01, &udp),
    ];
    let table = all("contoso.com");
    let before = held_by(&site, &mut product);
    let mut sizes = Vec::new();
    for _ in 0..2 {
        let faults = suffer_all(&doors, &table);
        let (count, faults) = (faults.len(), faults.join("\n"));
        assert!(count == 0, "{count} fared otherwise:\n{faults}");
        sizes.push(memory(&mut product));
    }
    assert_eq!(growth(&sizes, GROWTH), None, "memory grows: {sizes:?}");
    let mut last = before;
    let is_back = || {
        last = held_by(&site, &mut product);
        last.is_back(&before, &SLACK).then_some(())
    };
    let forgotten = wait::until(FORGOTTEN_WITHIN, is_back);
    assert!(forgotten.is_some(), "{before:?} became {last:?}");
    for neighbour in neighbours {
        neighbour.was_served();
    }
}
