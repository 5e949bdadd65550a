//! The sentence above the picture, who stands where, and what else is said.

use base::net::Role;
use ladder::{Kind, Known, Ladder, Seen, Server, Subject, flows};
use logs::{Component, Level, Record};

use crate::world::{
    ALICE, BOB, Sip, World, alice, dir01, edge01, failed_call, failed_sign_in, fe01, known, ours,
    phone,
};

fn draw(records: &[Record]) -> Ladder {
    Ladder::draw(records, &Subject::All, &known())
}

fn names(ladder: &Ladder) -> Vec<&str> {
    ladder
        .parties
        .iter()
        .map(|party| party.name.as_str())
        .collect()
}

#[test]
fn a_call_that_was_answered_says_by_whom_and_how_it_ended() {
    let mut world = World::default();
    let (alice, edge, bob) = (alice(), edge01(), phone(BOB, "10.0.1.8:40000"));
    let invite = Sip::new("INVITE", 1, ALICE, BOB);
    world.hop(&alice, &edge, &invite, 0);
    world.hop(&edge, &bob, &invite.on("z9hG4bKe"), 0);
    world.now += 2_100_000;
    for (from, to, branch) in [(&bob, &edge, "z9hG4bKe"), (&edge, &alice, "z9hG4bK0")] {
        world.hop(from, to, &invite.answer(200, "OK").on(branch), 0);
    }
    let open = draw(&world.records);
    assert_eq!(
        open.sentence,
        "INVITE from alice@contoso.com to bob@contoso.com was answered after 2.10 s with 200 OK by bob@contoso.com; \
         no end of the call is recorded."
    );
    assert_eq!(open.is_good, Some(true));
    world.now += 63_000_000;
    let bye = Sip::new("BYE", 1, BOB, ALICE).on("z9hG4bKb");
    world.hop(&bob, &edge, &bye, 0);
    world.hop(&edge, &bob, &bye.answer(200, "OK"), 0);
    let ended = draw(&world.records);
    assert!(
        ended
            .sentence
            .ends_with("; bob@contoso.com ended the call after 1:03 min."),
        "{}",
        ended.sentence
    );
    assert_eq!(flows(&world.records)[0].answer.as_deref(), Some("200 OK"));
}

#[test]
fn a_call_that_was_cancelled_did_not_fail() {
    let mut world = World::default();
    let (alice, edge) = (alice(), edge01());
    let invite = Sip::new("INVITE", 1, ALICE, BOB);
    world.hop(&alice, &edge, &invite, 0);
    world.now += 5_000_000;
    world.hop(&alice, &edge, &Sip::new("CANCEL", 1, ALICE, BOB), 0);
    world.hop(
        &edge,
        &alice,
        &Sip::new("CANCEL", 1, ALICE, BOB).answer(200, "OK"),
        0,
    );
    world.hop(&edge, &alice, &invite.answer(487, "Request Terminated"), 0);
    assert_eq!(
        draw(&world.records).sentence,
        "INVITE from alice@contoso.com to bob@contoso.com was cancelled after 5.00 s."
    );
}

#[test]
fn what_nobody_answered_says_how_far_it_came() {
    let mut world = World::default();
    let (alice, edge, dir) = (alice(), edge01(), dir01());
    let invite = Sip::new("INVITE", 1, ALICE, BOB);
    world.hop(&alice, &edge, &invite, 0);
    world.hop(&edge, &dir, &invite.on("z9hG4bKe"), 300);
    assert!(draw(&world.records).sentence.ends_with(
        "has no final answer in these records; the last record is of a request to dir01.contoso.net."
    ));
    world.hop(
        &dir,
        &edge,
        &invite.answer(180, "Ringing").on("z9hG4bKe"),
        300,
    );
    let ladder = draw(&world.records);
    assert!(
        ladder
            .sentence
            .ends_with("the last that was heard is 180 Ringing from dir01.contoso.net.")
    );
    assert_eq!(ladder.is_good, None);
}

#[test]
fn the_decision_that_counts_is_that_of_who_made_the_answer() {
    let ladder = draw(&failed_call());
    assert_eq!(
        ladder.sentence,
        "INVITE from alice@contoso.com to bob@contoso.com failed after 28 ms with 480 Temporarily Unavailable, \
         decided by fe01.contoso.net: bob@contoso.com has no registered phone."
    );
    // Where the Front End's records are missing, the Director is not blamed without saying so.
    let mut without = failed_call();
    without.retain(|record| &*record.machine != "fe01.contoso.net");
    let mut known = known();
    let fe = known.servers.get_mut("fe01.contoso.net").unwrap();
    fe.missing = Some("no answer within 5 s".to_owned());
    let ladder = Ladder::draw(&without, &Subject::All, &known);
    assert!(
        ladder.sentence.contains(
            "480 Temporarily Unavailable, from fe01.contoso.net, which has no record of why"
        ),
        "{}",
        ladder.sentence
    );
    assert!(
        ladder
            .remarks
            .iter()
            .any(|one| one.0 == "fe01.contoso.net gave no records: no answer within 5 s")
    );
    let halves = ladder.arrows().filter(|arrow| arrow.seen != Seen::Whole);
    assert_eq!(halves.count(), 3);
    let fe = ladder
        .parties
        .iter()
        .find(|party| party.name == "fe01.contoso.net")
        .unwrap();
    assert!(!fe.is_recorded && fe.kind == Kind::FrontEnd);
}

#[test]
fn who_is_outside_stands_left_and_who_is_inside_right() {
    assert_eq!(
        names(&draw(&failed_call())),
        [
            "alice@contoso.com",
            "edge01.contoso.net",
            "dir01.contoso.net",
            "fe01.contoso.net"
        ]
    );
    // bob, inside, calls alice, outside: the picture stays the same way round.
    let mut world = World::default();
    let bob = phone(BOB, "10.0.1.8:40000");
    let path = [&bob, &fe01(), &edge01(), &alice()];
    for (place, pair) in path.windows(2).enumerate() {
        let invite = Sip::new("INVITE", 1, BOB, ALICE).on(format!("z9hG4bK{place}"));
        world.hop(pair[0], pair[1], &invite, 200);
    }
    let ladder = draw(&world.records);
    assert_eq!(
        names(&ladder),
        [
            "alice@contoso.com",
            "edge01.contoso.net",
            "fe01.contoso.net",
            "bob@contoso.com"
        ]
    );
    assert!(ladder.parties[0].is_outside && !ladder.parties[3].is_outside);
}

#[test]
fn inside_alone_who_begins_stands_left() {
    let mut world = World::default();
    let path = [
        &phone(ALICE, "10.0.1.7:40000"),
        &fe01(),
        &phone(BOB, "10.0.1.8:40000"),
    ];
    for (place, pair) in path.windows(2).enumerate() {
        let invite = Sip::new("INVITE", 1, ALICE, BOB).on(format!("z9hG4bK{place}"));
        world.hop(pair[0], pair[1], &invite, 200);
    }
    let ladder = draw(&world.records);
    assert_eq!(
        names(&ladder),
        ["alice@contoso.com", "fe01.contoso.net", "bob@contoso.com"]
    );
}

#[test]
fn a_phone_that_follows_a_redirect_is_one_phone_and_two_at_once_are_two() {
    let mut world = World::default();
    let register = |cseq| Sip::new("REGISTER", cseq, ALICE, ALICE);
    world.hop(&phone("", "10.0.1.7:40000"), &dir01(), &register(1), 0);
    world.hop(&phone("", "10.0.1.7:40001"), &fe01(), &register(2), 0);
    assert_eq!(draw(&world.records).parties.len(), 3);
    // Behind one address of a network, at one machine, at the same time.
    let mut world = World::default();
    for (port, cseq) in [(40000, 1), (40001, 1), (40000, 2), (40001, 2)] {
        let phone = phone("", &format!("10.0.1.7:{port}"));
        world.hop(
            &phone,
            &dir01(),
            &register(cseq).on(format!("z9hG4bK{port}{cseq}")),
            0,
        );
    }
    assert_eq!(draw(&world.records).parties.len(), 3);
}

#[test]
fn without_a_topology_records_say_who_is_who() {
    let ladder = Ladder::draw(&failed_call(), &Subject::All, &Known::default());
    assert_eq!(names(&ladder), names(&draw(&failed_call())));
    let mut world = World::default();
    let partner = phone("partner.example", "203.0.113.9:5061");
    let gateway = phone("gw1", "10.0.3.1:5060");
    world.hop(
        &partner,
        &edge01(),
        &Sip::new("OPTIONS", 1, "sip:a@partner.example", BOB),
        0,
    );
    world.hop(&fe01(), &gateway, &Sip::new("OPTIONS", 2, ALICE, BOB), 0);
    let known = Known {
        gateways: vec!["gw1".to_owned()],
        servers: [(
            "edge01.contoso.net".to_owned(),
            Server {
                role: Some(Role::Edge),
                ..Server::default()
            },
        )]
        .into(),
    };
    let kinds: Vec<Kind> = Ladder::draw(&world.records, &Subject::All, &known)
        .parties
        .iter()
        .map(|party| party.kind)
        .collect();
    assert_eq!(
        kinds,
        [Kind::Partner, Kind::Edge, Kind::Server, Kind::Gateway]
    );
}

#[test]
fn a_refused_handshake_of_the_same_phone_is_noted_and_another_ones_is_not() {
    let mut records = failed_sign_in();
    let mut other = records[0].clone();
    other.peer = Some("10.0.1.10:1".parse().unwrap());
    let mut late = records[0].clone();
    late.time.0 += 600_000_000;
    records.extend([other, late]);
    let ladder = Ladder::draw(
        &records,
        &Subject::Call("a84b4c76e66710@pc33".into()),
        &known(),
    );
    let noted = ladder.rows.iter().filter(|row| match row {
        ladder::Row::Event(event) => event.record.component == Component::Tls && event.is_trouble,
        ladder::Row::Message(_) => false,
    });
    assert_eq!(noted.count(), 1);
}

#[test]
fn only_what_belongs_to_the_call_or_the_request_is_drawn() {
    let mut records = failed_call();
    let mut other = records[0].clone();
    other.call_id = Some("another".into());
    let nodes = ours("fe01.contoso.net", "10.0.0.21:5061", 0);
    let mut note = World::default().record(&nodes, Component::Registrar, Level::Error);
    note.correlation = records[0].correlation;
    records.extend([other, note]);
    let call = Ladder::draw(
        &records,
        &Subject::Call("a84b4c76e66710@pc33".into()),
        &known(),
    );
    assert_eq!(call.arrows().count(), 14);
    assert_eq!(call.rows.len(), 14 + 6);
    let first = records[0].correlation.unwrap();
    let request = Ladder::draw(&records, &Subject::Request(first), &known());
    assert!(
        request
            .arrows()
            .all(|arrow| arrow.record().unwrap().cseq == Some(1))
    );
    let listed = flows(&records);
    assert_eq!(listed.len(), 2);
    let call = listed
        .iter()
        .find(|flow| &*flow.call_id == "a84b4c76e66710@pc33")
        .unwrap();
    assert_eq!(call.answer.as_deref(), Some("480 Temporarily Unavailable"));
    assert_eq!(
        (&*call.method, &*call.from, &*call.to),
        ("INVITE", "alice@contoso.com", "bob@contoso.com")
    );
}

#[test]
fn records_that_were_read_twice_count_once() {
    let once = failed_call();
    let twice = [once.clone(), once.clone()].concat();
    assert_eq!(draw(&twice), draw(&once));
}

#[test]
fn the_model_is_json_with_whole_records() {
    let json = serde_json::to_value(draw(&failed_call())).unwrap();
    let message = &json["rows"][0]["message"];
    assert_eq!(message["label"], "INVITE");
    assert_eq!(message["received"]["record"]["method"], "INVITE");
    let ahead = json["parties"][3]["ahead"].as_i64().unwrap();
    assert!((ahead + 2_300_000).abs() < 500, "{ahead}");
}
