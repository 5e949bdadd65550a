//! A machine's process is killed under load: the search says who is missing, and after the restart nothing is missing that
//! was older than a second.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use system::agent::Agent;
use system::bed::CLIENTS;
use system::wait;

use super::super::site::{Site, with};
use super::asking::{Said, issue, search};

/// At home in the first pool, whose one Front End this is.
const FE: &str = "fe01.contoso.net";
const ASKED_FROM: &str = "edge01.contoso.net";
/// What can be lost.
const SECOND: Duration = Duration::from_secs(1);
/// How long the load lasts.
const LOAD: Duration = Duration::from_millis(3500);
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_killed_machine_is_named_and_has_all_but_the_last_second_when_it_is_back() {
    let test =
        "namespaces::a_killed_machine_is_named_and_has_all_but_the_last_second_when_it_is_back";
    with(test, &[], |site| {
        issue(site);
        let doors = site.running.doors(&site.bed).unwrap();
        let users = &site.running.users()[..2].to_vec();
        let at = site.bed.at(CLIENTS[0]);
        let phones: Vec<Agent> = users
            .iter()
            .map(|user| at.enter(|| doors.sign_in_inside(user)).unwrap())
            .collect();
        let answered = Mutex::new(Vec::new());
        let killed = thread::scope(|scope| {
            for phone in phones {
                scope.spawn(|| load(phone, &answered));
            }
            let long = || {
                let answered = answered.lock().unwrap();
                let first = answered
                    .first()
                    .map(|(at, _): &(Instant, Sent)| at.elapsed());
                first.filter(|first| *first > LOAD)
            };
            wait::until(PATIENCE, long).unwrap();
            site.running.machine(FE).kill().unwrap();
            Instant::now()
        });
        let answered = answered.into_inner().unwrap();
        let old: BTreeSet<&Sent> = answered
            .iter()
            .filter(|(at, _)| killed.duration_since(*at) > SECOND)
            .map(|(_, sent)| sent)
            .collect();
        assert!(old.len() > 20, "{} of {}", old.len(), answered.len());
        let meanwhile = asked(site);
        assert_eq!(
            (meanwhile.code, meanwhile.missing()),
            (Some(1), [(FE, "unreachable")].into())
        );
        assert_eq!(meanwhile.agents.len(), site.bed.machines().count());

        let bed = &site.bed;
        let machine = site.running.machine(FE);
        bed.at(FE).enter(|| machine.restart()).unwrap();
        let back = asked(site);
        assert_eq!(
            (back.code, back.missing().len()),
            (Some(0), 0),
            "{:?}",
            back.agents
        );
        let found: BTreeSet<Sent> = back.records.iter().filter_map(sent).collect();
        let lost: Vec<_> = old.iter().filter(|sent| !found.contains(**sent)).collect();
        assert!(
            lost.is_empty(),
            "{} of {} are lost: {lost:?}",
            lost.len(),
            old.len()
        );
        site.running.settle().unwrap();
    });
}

/// A request: its Call-ID and the number in its CSeq.
type Sent = (String, u64);

fn sent(record: &Value) -> Option<Sent> {
    let call_id = record["call-id"].as_str()?.to_owned();
    Some((call_id, record["cseq"].as_u64()?))
}

/// Searches for what of the load came to the machine.
fn asked(site: &Site) -> Said {
    let words = [
        "--component",
        "SipStack",
        "--method",
        "REGISTER",
        "--text",
        "dir=in",
        "--all",
    ];
    search(
        site,
        ASKED_FROM,
        &[&words[..], &["--limit", "1000000"]].concat(),
    )
}

/// Signs a phone in anew, again and again to the end of its connection, and notes when each was answered.
fn load(mut phone: Agent, answered: &Mutex<Vec<(Instant, Sent)>>) {
    loop {
        let registration = phone.registration();
        let Ok((request, answer)) = phone.prove(registration) else {
            return;
        };
        assert_eq!(answer.status(), 200);
        let sent = (
            request.get("Call-ID").unwrap().to_owned(),
            request.number().into(),
        );
        answered.lock().unwrap().push((Instant::now(), sent));
    }
}
