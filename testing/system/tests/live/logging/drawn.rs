//! A sign-in and a call that fail, drawn from what running machines have recorded, and read by Wireshark.

use std::time::Duration;

use serde_json::Value;
use system::agent::{Agent, Link};
use system::deployment::User;
use system::needs::{Need, are_met};
use system::tls::Wire;
use system::{tshark, wait};

use super::super::site::{DIR01, EDGE01, FE01, FEPOOL01, FEPOOL02, OUTSIDE, Site, flow, topology};
use super::ground::issue;

const SOON: Duration = Duration::from_secs(60);

fn outside(site: &Site, user: &User) -> Agent {
    let at = site.address(EDGE01, flow::OUTSIDE);
    let wire = Wire::connect(&site.phone_manner(), at, OUTSIDE).unwrap();
    let agent = Agent::new(Link::Tls(Box::new(wire))).unwrap();
    agent.acting_for(user)
}

/// Runs a command of `log` about the reference topology here.
fn log(site: &Site, words: &[&str]) -> system::operator::Said {
    let at = site.block().network().to_string();
    let file = topology();
    let place = [file.to_str().unwrap(), "--loopback", &at];
    let words = [&["log"], words, &place].concat();
    site.operator().command(&words, "").unwrap()
}

/// Draws a call when everything of it is there: so many messages, as those who sent them see it.
fn drawn(site: &Site, words: &[&str], is_whole: impl Fn(&Value) -> bool) -> Value {
    let words = [&["ladder"], words, &["--json"]].concat();
    let whole = || {
        let said = log(site, &words);
        let read: Value = serde_json::from_str(&said.out).ok()?;
        is_whole(&read["ladder"]).then_some(read)
    };
    wait::until(SOON, whole).unwrap_or_else(|| panic!("{:?}", log(site, &words)))
}

fn messages(ladder: &Value) -> Vec<&Value> {
    let rows = ladder["rows"].as_array();
    let rows = rows.into_iter().flatten();
    rows.filter_map(|row| row.get("message")).collect()
}

/// Whether the phone has its answer, and nothing is missing on the way.
fn ends_whole(ladder: &Value, status: u64) -> bool {
    let answered = |one: &&Value| {
        let record = &one["sent"]["record"];
        one["to"] == 0 && record["status"] == status
    };
    let all = messages(ladder);
    all.iter().any(answered)
        && all
            .iter()
            .all(|one| one["seen"] == "whole" || is_missing(ladder, &one["to"]))
}

/// Whether a participant could not be asked: the Edge and the Directors try those too that do not run.
fn is_missing(ladder: &Value, party: &Value) -> bool {
    let place = party.as_u64().and_then(|place| usize::try_from(place).ok());
    place.is_some_and(|place| ladder["parties"][place]["missing"].is_string())
}

#[test]
fn what_fails_is_drawn_over_all_machines_with_who_decided_and_why() {
    let site = Site::new();
    site.prepare();
    issue(&site, "ann");
    let users = site.import_into([FEPOOL01, FEPOOL02], [2, 0]);
    let [ann, ben] = [0, 1].map(|user| users[0][user].clone());
    // The machines beside these do not run, and so their agents are missing.
    let [mut fe01, _dir01, _edge01] = [FE01, DIR01, EDGE01].map(|machine| site.run(machine));
    let knows_all = || (site.report(DIR01).directory?.users == 2).then_some(());
    wait::until(SOON, knows_all).unwrap();

    // Keeps the text of what goes out too.
    let scenario = ["start", "IncomingAndOutgoingCall"];
    log(&site, &scenario);

    let liar = User {
        password: "not-the-secret".to_owned(),
        ..ann.clone()
    };
    let mut phone = outside(&site, &liar);
    let registration = phone.registration();
    assert_eq!(phone.prove(registration).unwrap().1.status(), 403);
    let user = ann.uri.trim_start_matches("sip:");
    let sign_in = drawn(&site, &["--uri", user], |ladder| ends_whole(ladder, 403));
    let sentence = sign_in["ladder"]["sentence"].as_str().unwrap();
    let why = format!("REGISTER of {user} failed after ");
    assert!(sentence.starts_with(&why), "{sentence}");
    let why = format!("403 Forbidden, decided by {DIR01}: ");
    assert!(
        sentence.contains(&why) && sentence.contains("password"),
        "{sentence}"
    );
    assert_eq!(sign_in["flows"].as_array().unwrap().len(), 1);

    let mut phone = outside(&site, &ann);
    let registration = phone.registration();
    assert_eq!(phone.prove(registration).unwrap().1.status(), 200);
    let invite = phone.request("INVITE", &ben.uri);
    let (sent, answer) = phone.prove(invite).unwrap();
    assert_eq!(answer.status(), 480);
    phone.acknowledge(&sent, &answer).unwrap();
    let call_id = sent.get("Call-ID").unwrap().to_owned();
    let call = drawn(&site, &[&call_id], |ladder| ends_whole(ladder, 480));
    let ladder = &call["ladder"];
    let sentence = ladder["sentence"].as_str().unwrap();
    assert!(
        sentence.contains(&format!("decided by {FE01}: ")),
        "{sentence}"
    );
    let parties = ladder["parties"].as_array().unwrap();
    let kinds: Vec<&str> = parties
        .iter()
        .filter(|party| !party["missing"].is_string())
        .map(|party| party["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["phone", "edge", "director", "front-end"]);
    // Between our machines each message is one arrow with two times, and none arrives before it was sent.
    let between =
        |one: &&&Value| one["from"] != 0 && one["to"] != 0 && !is_missing(ladder, &one["to"]);
    let all = messages(ladder);
    assert!(all.iter().filter(between).count() >= 6, "{ladder}");
    assert!(
        all.iter()
            .filter(between)
            .all(|one| one["took"].is_u64() && one["is-out-of-time"] == false)
    );

    let text = log(&site, &["ladder", &call_id, "--width", "100"]);
    assert_eq!(text.code, Some(1), "agents are missing");
    assert!(
        text.out.contains("! fe02.contoso.net gave no records: "),
        "{}",
        text.out
    );
    read_by_wireshark(&site, &call_id, &all);

    fe01.kill().unwrap();
    let without = drawn(&site, &[&call_id], |ladder| !messages(ladder).is_empty());
    let ladder = &without["ladder"];
    let gaps = messages(ladder)
        .into_iter()
        .filter(|one| one["seen"] != "whole");
    assert!(gaps.count() >= 2, "{ladder}");
    let sentence = ladder["sentence"].as_str().unwrap();
    assert!(
        sentence.contains(&format!("from {FE01}, which has no record of why")),
        "{sentence}"
    );
}

/// Exports a call and has `tshark` read it: a packet for each record of a message, all of them SIP without a fault.
fn read_by_wireshark(site: &Site, call_id: &str, messages: &[&Value]) {
    let file = site.folder().join("call.pcapng");
    let name = file.to_str().unwrap();
    let said = log(site, &["export", "--call-id", call_id, "--pcapng", name]);
    assert_eq!(said.code, Some(1), "agents are missing: {}", said.err);
    if !are_met(
        "what_fails_is_drawn_over_all_machines_with_who_decided_and_why",
        &[Need::Program("tshark")],
    ) {
        return;
    }
    let read = tshark::fields(&file, "sip", &["sip.Call-ID", "frame.interface_name"]).unwrap();
    let sights = messages
        .iter()
        .flat_map(|one| [&one["sent"], &one["received"]]);
    let texts = sights.filter(|sight| sight["record"]["text"].is_string());
    assert_eq!(read.len(), texts.count(), "{}", said.err);
    assert!(read.iter().all(|row| row[0] == call_id), "{read:?}");
    let all = tshark::fields(&file, "frame", &["frame.number"]).unwrap();
    assert_eq!(all.len(), read.len(), "all packets are SIP");
    let comments = tshark::fields(
        &file,
        "frame.comment contains \"Routing\"",
        &["frame.comment"],
    )
    .unwrap();
    assert!(!comments.is_empty());
}
