//! Every message of the malformed families at every door: no crash, no stall of a phone beside it, no leak.
//!
//! After each message the same connection is asked how the server is: the answer comes, or the connection has ended.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use system::agent::{Agent, AgentError, Link};
use system::deployment::Deployment;
use system::malformed::{Fate, Malformed, all};
use system::tls::Wire;

use super::bad_input::neighbour;
use super::site::{DIR01, EDGE01, OUTSIDE, Site, flow, topology};

/// Longer than a busy machine needs for one exchange, shorter than any timeout of the product.
const SERVED_WITHIN: Duration = Duration::from_secs(5);
/// What memory may grow by between two passes over the table: pages that the allocator keeps, not messages.
const GROWTH: u64 = 16 << 20;

/// A door, and the name under which its server answers.
type Door<'a> = (&'static str, &'a dyn Fn() -> Agent);

/// Sends one message and the question behind it; tells what was wrong.
fn suffer(door: Door<'_>, one: &Malformed) -> Result<(), String> {
    let (server, connect) = door;
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
    let has_ended = match &answered {
        Ok(answer) if answer.status() == 200 => false,
        Err(AgentError::Wire(error)) if error.is_end() => true,
        // An answer without what its request lacked; the answer to the question is behind it.
        Err(AgentError::Garbled(_)) => return Ok(()),
        // A head without an end takes the question in, and is refused as a whole.
        Ok(answer) if one.fate == Fate::Survived && answer.status() >= 400 => return Ok(()),
        Err(AgentError::Other { .. }) if one.fate == Fate::Survived && refused() => return Ok(()),
        other => return Err(format!("{server}: {} {}: {other:?}", one.family, one.name)),
    };
    // Through another server the answer may come later than ours.
    let wait = if has_ended || one.fate.allows(None, has_ended) {
        Duration::ZERO
    } else {
        SERVED_WITHIN
    };
    let status = agent
        .take(wait, "an answer", is_other)
        .ok()
        .map(|answer| answer.status());
    if one.fate.allows(status, has_ended) {
        Ok(())
    } else {
        Err(format!(
            "{server}: {} {}: {status:?}, ended: {has_ended}, expected {:?}",
            one.family, one.name, one.fate
        ))
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

/// The reference topology in which one source may offend as often as it likes: what is under test is the answer to each
/// offence, not to the thousandth.
fn without_penalties(site: &Site) -> PathBuf {
    let text = std::fs::read_to_string(topology()).unwrap();
    let file = site.folder().join("without-penalties.toml");
    std::fs::write(&file, text + "\n[limits]\nfailures_per_source = 1000000\n").unwrap();
    file
}

#[test]
fn malformed_invites_of_every_family_neither_harm_nor_stall_nor_stay() {
    let site = Site::new();
    let mut product = site.up_with(&without_penalties(&site));
    let neighbour = neighbour(&site, &product.facts().users);
    let (manner, at) = (site.phone_manner(), |machine, row| {
        site.address(machine, row)
    });
    let places = [at(DIR01, flow::SIGN_IN), at(EDGE01, flow::OUTSIDE)];
    let connect = |place: SocketAddr, name: &str| {
        let wire = Wire::connect(&manner, place, name).unwrap();
        Agent::new(Link::Tls(Box::new(wire)))
            .unwrap()
            .with_patience(SERVED_WITHIN)
    };
    let inside = || connect(places[0], DIR01);
    let outside = || connect(places[1], OUTSIDE);
    let doors: [Door<'_>; 2] = [(DIR01, &inside), (OUTSIDE, &outside)];
    let table = all("contoso.com");
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
    assert!(
        faults.is_empty(),
        "{} faults:\n  {}",
        faults.len(),
        faults.join("\n  ")
    );
    assert!(
        sizes[1] < sizes[0] + GROWTH,
        "memory goes from {} to {}",
        sizes[0],
        sizes[1]
    );
    neighbour.was_served();
}
