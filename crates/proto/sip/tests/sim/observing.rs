//! What machines let be seen of their work: all of it, once, and nothing while nobody looks.

use crate::deployment::{DIR1, Deployment, EDGE_OUTSIDE, FE1};
use crate::phone::Phone;
use crate::workers::{Asked, Workers};
use sip::msg::{Limits, Message, Method};
use sip::observe::{Grade, Remark, Sight, Topic, Way};
use std::collections::BTreeMap;
use std::time::Duration;
use testkit::HostId;

fn hosts(d: &Deployment) -> [HostId; 5] {
    [d.edge, d.dir1, d.dir2, d.fe1, d.fe2]
}

fn look(d: &mut Deployment) {
    for id in hosts(d) {
        let host = d.world.host(id).unwrap();
        host.observing.set(true, Some(Grade::Step));
    }
}

/// What each host has let be seen.
fn seen(d: &mut Deployment) -> Vec<Vec<Sight>> {
    let ids = hosts(d);
    let take = |id| d.world.host(id).map(|host| std::mem::take(&mut host.seen));
    ids.map(take).into_iter().flatten().collect()
}

/// Sign-ins that work and fail, calls that are taken, forked, refused, cancelled and lost, and a machine that dies.
fn story(seed: u8, observed: bool) -> Deployment {
    let mut d = Deployment::new(seed);
    if observed {
        look(&mut d);
    }
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.register(&mut d, "");
    let mut second = Phone::connect(&mut d, "alice", FE1);
    second.register(&mut d, "");
    let mut redirected = Phone::connect(&mut d, "alice", DIR1);
    assert_eq!(redirected.register(&mut d, "").status(), 301);
    let mut bob = Phone::connect(&mut d, "bob", EDGE_OUTSIDE);
    bob.register(&mut d, "");
    let mut liar = Phone::connect(&mut d, "bob", EDGE_OUTSIDE);
    liar.password = "wrong";
    assert_eq!(liar.register(&mut d, "").status(), 403);
    let sent = bob.request_with_credentials(&mut d, "INVITE", "alice");
    let invite = alice.wait_request(&mut d, Method::Invite);
    second.wait_request(&mut d, Method::Invite);
    alice.answer(&mut d, &invite, 200);
    let taken = bob.wait_final(&mut d, Method::Invite);
    bob.ack(&mut d, &sent, &taken);
    bob.request_with_credentials(&mut d, "INVITE", "carol");
    assert_eq!(bob.wait_final(&mut d, Method::Invite).status(), 480);
    bob.request_with_credentials(&mut d, "INVITE", "nobody");
    assert_eq!(bob.wait_final(&mut d, Method::Invite).status(), 404);
    d.world.write(bob.flow, "\r\n\r\n");
    let fe2 = d.fe2;
    d.world.run_for(Duration::from_secs(1));
    d.world.kill(fe2);
    d.world.run_for(Duration::from_secs(1));
    bob.request_with_credentials(&mut d, "INVITE", "carol");
    bob.wait_final(&mut d, Method::Invite);
    d.world.run_for(Duration::from_secs(40));
    d
}

/// Every message that the network carried, by the host and flow that it left or reached.
fn carried(d: &Deployment, way: Way) -> BTreeMap<(usize, String), Vec<Vec<u8>>> {
    let mut all: BTreeMap<(usize, String), Vec<Vec<u8>>> = BTreeMap::new();
    let trace = d.world.trace();
    // A line is a head if it reads `123 End -> End`.
    let head_of = |line: &[u8]| {
        let line = std::str::from_utf8(line).ok()?;
        let (time, ends) = line.split_once(' ')?;
        let ends = ends.split_once(" -> ")?;
        time.parse::<u64>()
            .ok()
            .map(|_| (ends.0.to_owned(), ends.1.to_owned()))
    };
    let mut current: Option<(usize, String)> = None;
    for line in trace.split_inclusive(|byte| *byte == b'\n') {
        if let Some((from, to)) = head_of(&line[..line.len() - 1]) {
            let end = if way == Way::Out { from } else { to };
            let host = end
                .strip_prefix("Host(")
                .and_then(|end| end.strip_suffix(')'));
            current = host.map(|host| {
                let (id, flow) = host.split_once(", ").unwrap();
                (id.parse().unwrap(), flow.to_owned())
            });
            if let Some(key) = &current {
                all.entry(key.clone()).or_default().push(Vec::new());
            }
        } else if let Some(key) = &current {
            all.get_mut(key).unwrap().last_mut().unwrap().extend(line);
        }
    }
    for messages in all.values_mut() {
        // Signs of life are none.
        messages.retain(|message| message.iter().any(|byte| !byte.is_ascii_whitespace()));
    }
    all.retain(|_, messages| !messages.is_empty());
    all
}

#[test]
fn each_message_on_the_network_is_seen_once_by_who_sends_it_and_once_by_who_gets_it() {
    let mut d = story(1, true);
    for way in [Way::Out, Way::In] {
        let carried = carried(&d, way);
        assert!(carried.len() > 10, "{}", carried.len());
        for (id, host) in [d.edge, d.dir1, d.dir2, d.fe1].into_iter().enumerate() {
            let mut by_flow: BTreeMap<(usize, String), Vec<Vec<u8>>> = BTreeMap::new();
            for sight in &d.world.host(host).unwrap().seen {
                if let Sight::Message {
                    way: its,
                    end,
                    bytes,
                } = sight
                    && *its == way
                {
                    let key = (id, format!("{:?}", end.flow));
                    by_flow.entry(key).or_default().push(bytes.to_vec());
                }
            }
            // What was to leave on a flow that never opened left nobody.
            by_flow.retain(|key, _| way == Way::In || carried.contains_key(key));
            let of_host = |key: &(usize, String)| key.0 == id;
            let carried = carried.iter().filter(|(key, _)| of_host(key));
            assert!(by_flow.iter().eq(carried), "host {id}, {way:?}");
        }
    }
}

#[test]
fn what_becomes_of_a_request_is_said_once_before_the_next_message() {
    let mut d = story(2, true);
    let mut requests = 0;
    for sights in seen(&mut d) {
        let mut open: Option<(Message, Vec<Remark>)> = None;
        let mut check = |open: &mut Option<(Message, Vec<Remark>)>| {
            let Some((message, remarks)) = open.take() else {
                return;
            };
            let expected = usize::from(message.is_request());
            assert_eq!(remarks.len(), expected, "{message:?}: {remarks:?}");
            for remark in remarks {
                requests += 1;
                let subject = remark.subject.unwrap();
                assert_eq!(subject.call_id(), message.call_id().unwrap());
                assert_eq!(subject.cseq, message.cseq().unwrap().number);
                assert_eq!(subject.method(), message.method_token());
            }
        };
        for sight in sights {
            match sight {
                Sight::Message {
                    way: Way::In,
                    bytes,
                    ..
                } => {
                    check(&mut open);
                    let message = Message::parse(bytes, &Limits::SERVER).unwrap();
                    open = Some((message, Vec::new()));
                }
                Sight::Message { .. } => {}
                Sight::Remark(remark) => {
                    if remark.decides {
                        open.as_mut().unwrap().1.push(*remark);
                    }
                }
            }
        }
        check(&mut open);
    }
    assert!(requests > 30, "{requests}");
}

#[test]
fn who_looks_changes_nothing_and_who_does_not_sees_nothing() {
    let (mut dark, mut lit, mut again) = (story(3, false), story(3, true), story(3, true));
    assert!(dark.world.trace() == lit.world.trace());
    assert!(seen(&mut dark).iter().all(Vec::is_empty));
    let lit = format!("{:?}", seen(&mut lit));
    assert!(lit == format!("{:?}", seen(&mut again)));
}

/// The decisions of all machines about the requests of a method, oldest first of each machine.
fn decisions(d: &mut Deployment, method: &str) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for sight in seen(d).into_iter().flatten() {
        if let Sight::Remark(remark) = sight
            && remark
                .subject
                .as_ref()
                .is_some_and(|s| s.method() == method)
        {
            all.push((remark.word, remark.reason));
        }
    }
    all
}

#[test]
fn why_a_sign_in_fails_is_said_where_it_fails_though_the_client_is_not_told() {
    for (user, password, expected) in [
        (
            "bob",
            "wrong",
            "the password of sip:bob@contoso.com is wrong",
        ),
        (
            "mallory",
            "x",
            "sip:mallory@contoso.com does not exist or is disabled",
        ),
    ] {
        let mut d = Deployment::new(4);
        look(&mut d);
        let mut phone = Phone::connect(&mut d, user, EDGE_OUTSIDE);
        phone.password = password;
        assert_eq!(phone.register(&mut d, "").status(), 403);
        let all = decisions(&mut d, "REGISTER");
        let refused = all.iter().find(|(word, _)| *word == "refused").unwrap();
        assert!(refused.1.contains(expected), "{refused:?}");
        assert!(refused.1.starts_with("bad-credentials"), "{refused:?}");
        assert!(all.iter().any(|(word, _)| *word == "challenged"), "{all:?}");
        assert!(
            all.iter()
                .any(|(word, why)| *word == "forwarded" && why.contains("dir0"))
        );
    }
}

#[test]
fn why_a_call_fails_is_said_where_it_fails() {
    let mut d = Deployment::new(5);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.register(&mut d, "");
    look(&mut d);
    alice.request(&mut d, "INVITE", "bob", "");
    assert_eq!(alice.wait_final(&mut d, Method::Invite).status(), 480);
    let all = decisions(&mut d, "INVITE");
    let found = |expected: &str| all.iter().any(|(_, why)| why.contains(expected));
    assert!(
        found("not registered here; fe02.contoso.net may have them"),
        "{all:?}"
    );
    assert!(found("unreachable"), "{all:?}");
}

#[test]
fn a_pool_that_is_down_is_named_with_each_try() {
    let mut d = Deployment::new(7);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.register(&mut d, "");
    look(&mut d);
    let fe2 = d.fe2;
    d.world.kill(fe2);
    alice.request(&mut d, "INVITE", "carol", "");
    let answer = alice.wait_final(&mut d, Method::Invite);
    let all = decisions(&mut d, "INVITE");
    let word = |wanted: &str| all.iter().find(|(word, _)| *word == wanted);
    assert!(
        word("forwarded").unwrap().1.contains("at home in fepool02"),
        "{all:?}"
    );
    assert!(word("lost").is_some(), "{all:?}");
    let unreached = &word("unreached").unwrap().1;
    assert!(unreached.contains("fe02.contoso.net"), "{unreached}");
    let status = answer.status().to_string();
    assert!(word("failed").unwrap().1.starts_with(&status), "{all:?}");
}

#[test]
fn the_life_of_a_registration_is_said() {
    let mut d = Deployment::new(8);
    look(&mut d);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.register(&mut d, "");
    alice.register(&mut d, "");
    alice.params = ";expires=0".to_owned();
    alice.register(&mut d, "");
    alice.params = ";expires=60".to_owned();
    alice.register(&mut d, "");
    d.world.run_for(Duration::from_secs(70));
    let fe1 = d.fe1;
    let mut words = Vec::new();
    for sight in std::mem::take(&mut d.world.host(fe1).unwrap().seen) {
        if let Sight::Remark(remark) = sight
            && remark.topic == Topic::Registrar
            && !remark.decides
        {
            let is_of_alice = |user: &str| user == "sip:alice@contoso.com";
            let of_request = remark.subject.as_ref().map(|subject| subject.to());
            assert!(
                of_request
                    .or(remark.user.as_deref())
                    .is_some_and(is_of_alice)
            );
            words.push((remark.word, remark.reason));
        }
    }
    let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    assert_eq!(
        names,
        ["bound", "refreshed", "removed", "bound", "expired"],
        "{words:?}"
    );
    assert!(
        words[0].1.contains("sip:alice@contoso.com: 1; sip:alice@"),
        "{words:?}"
    );
    assert!(words[0].1.contains(" for 600 s"), "{words:?}");
    assert!(words[2].1.ends_with(": 0"), "{words:?}");
}

#[test]
fn what_counts_against_a_source_and_what_breaks_a_rule_is_said_without_its_text() {
    let mut d = Deployment::new(9);
    look(&mut d);
    let mut phone = Phone::connect(&mut d, "bob", DIR1);
    phone.password = "wrong";
    phone.register(&mut d, "");
    d.world.write(phone.flow, "S3CR3T S3CR3T S3CR3T\r\n\r\n");
    d.world.run_for(Duration::from_secs(1));
    let dir1 = d.dir1;
    let sights = std::mem::take(&mut d.world.host(dir1).unwrap().seen);
    let remarks: Vec<Remark> = sights
        .into_iter()
        .filter_map(|sight| match sight {
            Sight::Remark(remark) => Some(*remark),
            Sight::Message { .. } => None,
        })
        .collect();
    for word in ["wrong-credentials", "malformed"] {
        let found = remarks.iter().find(|remark| remark.word == word).unwrap();
        let end = found.end.as_ref().unwrap();
        assert_eq!(end.remote.unwrap().ip().to_string(), "192.0.2.7");
    }
    assert!(!format!("{remarks:?}").contains("S3CR3T"), "{remarks:?}");
}

#[test]
fn a_worker_sees_what_it_sends_on_the_flow_of_another() {
    let mut w = Workers::of("fe01.contoso.net", 2);
    w.observing.set(true, Some(Grade::Step));
    let alice = w.client(0, 1);
    w.sign_in(alice, "alice");
    let bob = w.client(1, 1);
    w.sign_in(bob, "bob");
    w.seen.clear();
    let message = Asked {
        method: "MESSAGE",
        uri: "sip:alice@contoso.com",
        from: "<sip:bob@contoso.com>;tag=1",
        to: "<sip:alice@contoso.com>",
        branch: "hello",
    };
    w.ask(bob, &message, "");
    let message = w.next(alice);
    w.answer(alice, &message, 200, "");
    assert_eq!(w.next(bob).status(), 200);
    let of = |wanted: Way| {
        let seen = w
            .seen
            .iter()
            .filter_map(move |(worker, sight)| match sight {
                Sight::Message { way, end, .. } if *way == wanted => {
                    Some((*worker, end.flow, end.remote.is_some()))
                }
                Sight::Message { .. } | Sight::Remark(_) => None,
            });
        seen.collect::<Vec<_>>()
    };
    // The answer comes to the first worker, which passes it to the second.
    assert_eq!(of(Way::In), [(1, bob, true), (0, alice, true)]);
    // Of the flow of another worker it knows the name alone.
    assert_eq!(of(Way::Out), [(1, alice, false), (1, bob, true)]);
}

/// Records of one request are found on all machines by what it is called (`docs/decisions/0067-correlation-is-derived.md`).
#[test]
fn no_machine_changes_what_a_request_is_called_also_where_the_inside_is_hidden() {
    let mut d = story(6, true);
    let mut alice = Phone::connect(&mut d, "alice", FE1);
    alice.register(&mut d, "");
    let mut bob = Phone::connect(&mut d, "bob", EDGE_OUTSIDE);
    bob.register(&mut d, "");
    alice.request(&mut d, "INVITE", "bob", "");
    let invite = bob.wait_request(&mut d, Method::Invite);
    bob.answer(&mut d, &invite, 200);
    alice.wait_final(&mut d, Method::Invite);
    let mut crossed = 0;
    for (at, sights) in seen(&mut d).into_iter().enumerate() {
        let names = |wanted: Way| {
            let names = sights.iter().filter_map(|sight| match sight {
                Sight::Message { way, bytes, .. } if *way == wanted => {
                    let message = Message::parse(bytes.clone(), &Limits::SERVER).unwrap();
                    let cseq = message.cseq().unwrap();
                    let call_id = message.call_id().unwrap().to_owned();
                    // An ACK or CANCEL of ours belongs to an INVITE that came.
                    let method = cseq
                        .method
                        .replace("ACK", "INVITE")
                        .replace("CANCEL", "INVITE");
                    Some((call_id, cseq.number, method))
                }
                Sight::Message { .. } | Sight::Remark(_) => None,
            });
            names.collect::<std::collections::BTreeSet<_>>()
        };
        let (came, went) = (names(Way::In), names(Way::Out));
        assert!(
            went.is_subset(&came),
            "host {at}: {:?}",
            went.difference(&came)
        );
        crossed += went.len();
    }
    assert!(crossed > 20, "{crossed}");
}
