//! Why did this sign-in, this call fail? One command tells, whichever machine one happens to be on.

use std::collections::BTreeSet;

use serde_json::Value;
use system::agent::{Agent, Draft, SDP};
use system::bed::{CLIENTS, STRANGERS};

use super::super::site::{Site, with};
use super::asking::{Said, issue, log, search};

const EDGE: &str = "edge01.contoso.net";
const DIRECTOR: &str = "a Director";
/// Where alice and bob are at home.
const FRONT_END: &str = "fe01.contoso.net";
/// One machine of each role, those of the perimeter first.
const ASKED_FROM: [&str; 7] = [
    EDGE,
    "rp01.contoso.net",
    "ns01.contoso.net",
    "dir02.contoso.net",
    "fe01.contoso.net",
    "lb01.contoso.net",
    "dns01.contoso.net",
];

#[test]
fn why_a_sign_in_and_two_calls_from_outside_failed_is_told_on_any_machine() {
    let test = "namespaces::why_a_sign_in_and_two_calls_from_outside_failed_is_told_on_any_machine";
    with(test, &[], |site| {
        issue(site);
        let sign_in = wrong_password(site);
        let (rejected, unknown) = calls(site);
        let calls = [&sign_in, &rejected, &unknown];
        let words: Vec<&str> = calls.iter().flat_map(|id| ["--call-id", id]).collect();
        let machines: BTreeSet<&str> = site.bed.machines().collect();
        // What the first has brought to the disk is there for all.
        let first = search(site, EDGE, &[&["--sync"], &words[..]].concat());
        for place in ASKED_FROM {
            let said = search(site, place, &words);
            assert_eq!(said.code, Some(0), "from {place}: {:?}", said.agents);
            let asked: BTreeSet<&str> = said.agents.keys().map(String::as_str).collect();
            assert_eq!(
                (&asked, said.missing().len()),
                (&machines, 0),
                "from {place}"
            );
            assert_eq!(said.records, first.records, "from {place} as from {EDGE}");
        }
        assert!(first.field("time").is_sorted(), "oldest first");
        let way = first.of_call(&sign_in);
        assert_eq!(way.machines(), [EDGE, DIRECTOR].into());
        let why = "the password of sip:alice@contoso.com is wrong";
        way.decided(DIRECTOR, "refused", 403, why);
        way.ended(&[EDGE, DIRECTOR], 403);

        let way = first.of_call(&rejected);
        assert_eq!(way.machines(), [EDGE, DIRECTOR, FRONT_END].into());
        way.went_on(EDGE, "to dir");
        way.went_on(
            DIRECTOR,
            "sip:alice@contoso.com by password; sip:bob@contoso.com is at home in fepool01",
        );
        way.went_on(FRONT_END, "to the flow");
        for machine in [EDGE, DIRECTOR, FRONT_END] {
            way.decided(machine, "failed", 486, "486 is the answer");
        }
        way.ended(&[EDGE, DIRECTOR, FRONT_END], 486);

        let way = first.of_call(&unknown);
        assert_eq!(way.machines(), [EDGE, DIRECTOR].into());
        let why = "sip:alice@contoso.com by password; sip:nobody@contoso.com does not exist";
        way.decided(DIRECTOR, "refused", 404, why);
        way.ended(&[EDGE, DIRECTOR], 404);

        for place in [EDGE, FRONT_END] {
            drawn(
                site,
                place,
                &sign_in,
                &[
                    "403 Forbidden",
                    "the password of sip:alice@contoso.com is wrong",
                ],
            );
            drawn(
                site,
                place,
                &rejected,
                &["486 Busy Here", "180 Ringing", "fe01", "bob"],
            );
            drawn(
                site,
                place,
                &unknown,
                &["404 Not Found", "sip:nobody@contoso.com does not exist"],
            );
        }
    });
}

impl Said {
    /// Returns what concerns one call.
    fn of_call(&self, call_id: &str) -> Way<'_> {
        let of_call = |record: &&Value| record["call-id"] == call_id;
        Way(self.records.iter().filter(of_call).collect())
    }
}

/// The records of one call. Either Director may be asked, so both have one name here.
struct Way<'a>(Vec<&'a Value>);

impl Way<'_> {
    fn machines(&self) -> BTreeSet<&str> {
        self.0.iter().map(|record| machine(record)).collect()
    }

    /// A machine has said what became of the request, and why.
    fn decided(&self, at: &str, decision: &str, status: u16, why: &str) {
        let is_it = |record: &&&Value| {
            let reason = record["reason"].as_str().unwrap_or_default();
            machine(record) == at
                && (record["decision"].as_str(), record["status"].as_u64())
                    == (Some(decision), Some(status.into()))
                && reason.contains(why)
        };
        assert!(
            self.0.iter().any(|record| is_it(&record)),
            "{at}: {why}: {:#?}",
            self.0
        );
    }

    /// A machine has passed the request on, and said why there.
    fn went_on(&self, at: &str, why: &str) {
        let is_it = |record: &&&Value| {
            let reason = record["reason"].as_str().unwrap_or_default();
            machine(record) == at && record["decision"] == "forwarded" && reason.contains(why)
        };
        assert!(
            self.0.iter().any(|record| is_it(&record)),
            "{at}: {why}: {:#?}",
            self.0
        );
    }

    /// At each of the machines the request came in, whole, and an answer of this status left.
    fn ended(&self, machines: &[&str], status: u16) {
        for at in machines {
            let messages = self
                .0
                .iter()
                .filter(|record| machine(record) == *at && record["component"] == "SipStack");
            let came = messages.clone().any(|one| {
                let text = one["text"].as_str().unwrap_or_default();
                one["dir"] == "in" && text.contains(" SIP/2.0\nVia: ")
            });
            let left = messages
                .clone()
                .any(|one| one["dir"] == "out" && one["status"] == status);
            assert!(came && left, "{status} at {at}: {:#?}", self.0);
        }
    }
}

fn machine(record: &Value) -> &str {
    let machine = record["machine"].as_str().unwrap();
    if machine.starts_with("dir") {
        DIRECTOR
    } else {
        machine
    }
}

/// The ladder of a call has the machines on its way, the messages between them, and why it ended.
fn drawn(site: &Site, place: &str, call_id: &str, parts: &[&str]) {
    let output = log(site, place, &["ladder", call_id], &["--width", "160"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "from {place}: {said}");
    // Sentences go on in the next line.
    let words: Vec<&str> = text.split_whitespace().collect();
    let whole = words.join(" ");
    for part in ["edge01", "dir0"].iter().chain(parts) {
        assert!(
            whole.contains(part),
            "from {place}: no {part} in\n{text}{said}"
        );
    }
}

/// Somebody outside signs in as alice with a wrong password. Returns the Call-ID.
fn wrong_password(site: &Site) -> String {
    let doors = site.running.doors(&site.bed).unwrap();
    let mut user = site.running.users()[0].clone();
    user.password = "not alice's".to_owned();
    site.bed.at(STRANGERS[0]).enter(|| {
        let mut phone = doors.outside().unwrap().acting_for(&user);
        let registration = phone.registration();
        let (sent, answer) = phone.prove(registration).unwrap();
        assert_eq!(answer.status(), 403);
        call_id(&sent)
    })
}

/// Alice calls from outside: bob, who rejects, and somebody who does not exist. Returns the Call-IDs.
fn calls(site: &Site) -> (String, String) {
    let doors = site.running.doors(&site.bed).unwrap();
    let users = site.running.users();
    let inside = site.bed.at(CLIENTS[0]);
    let mut bob = inside.enter(|| doors.sign_in_inside(&users[1])).unwrap();
    let outside = site.bed.at(STRANGERS[0]);
    let mut alice = outside.enter(|| doors.sign_in_outside(&users[0])).unwrap();
    let rejected = invite(&mut alice, bob.aor());
    let asked = bob.expect("INVITE").unwrap();
    bob.answer(&asked, 180).unwrap();
    bob.answer(&asked, 486).unwrap();
    let answer = alice.expect_status(&rejected, 486).unwrap();
    alice.acknowledge(&rejected, &answer).unwrap();
    bob.expect("ACK").unwrap();
    let unknown = invite(&mut alice, "sip:nobody@contoso.com");
    let answer = alice.expect_status(&unknown, 404).unwrap();
    alice.acknowledge(&unknown, &answer).unwrap();
    (call_id(&rejected), call_id(&unknown))
}

fn invite(caller: &mut Agent, uri: &str) -> Draft {
    let invite = caller.request("INVITE", uri).body("application/sdp", SDP);
    caller.begin(invite).unwrap()
}

fn call_id(sent: &Draft) -> String {
    sent.get("Call-ID").unwrap().to_owned()
}
