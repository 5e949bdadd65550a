//! Bounds: on records, participants and time.

use ladder::text::{Look, draw};
use ladder::{Ladder, MOST_PARTIES, MOST_RECORDS, Subject, flows, picture};

use crate::world::{ALICE, BOB, Sip, World, dir01, edge01, known, ours, phone};

#[test]
fn more_records_than_are_drawn_are_counted_and_take_bounded_time() {
    let (edge, dir, fe) = (
        edge01(),
        dir01(),
        ours("fe01.contoso.net", "10.0.0.21:5061", 0),
    );
    let mut world = World::default();
    for number in 0..6000 {
        let options = Sip::new("MESSAGE", number, ALICE, BOB).on(format!("z9hG4bK{number}"));
        world.hop(&edge, &dir, &options, 200);
        world.hop(&dir, &fe, &options.on(format!("z9hG4bKd{number}")), 200);
        // The same again and again: what is most work to join.
        world.hop(&fe, &dir, &Sip::new("NOTIFY", 1, ALICE, BOB), 200);
        world.now += 600_000;
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the time that drawing takes is what is measured"
    )]
    let start = std::time::Instant::now();
    let ladder = Ladder::draw(&world.records, &Subject::All, &known());
    let text = draw(&ladder, Look::default());
    let (svg, html) = (picture::svg(&ladder), picture::html(&ladder));
    let took = start.elapsed();
    assert_eq!(ladder.left_out, 36_000 - MOST_RECORDS);
    assert_eq!(ladder.arrows().count(), MOST_RECORDS / 2);
    assert!(text.lines().count() >= MOST_RECORDS / 2);
    for picture in [svg, html] {
        assert!(picture.matches("data-row=").count() == picture::MOST_ROWS);
        assert!(picture.contains("later rows are not drawn"));
    }
    // Unoptimised and on a busy machine it is some seconds; if it grew with the square, it would be hours.
    assert!(took.as_secs() < 60, "{took:?}");
}

#[test]
fn more_participants_than_have_lines_share_one() {
    let dir = dir01();
    let mut world = World::default();
    for number in 0..60 {
        let phone = phone("", &format!("10.0.2.{number}:5060"));
        world.hop(&phone, &dir, &Sip::new("OPTIONS", number, ALICE, BOB), 100);
    }
    let ladder = Ladder::draw(&world.records, &Subject::All, &known());
    assert_eq!(ladder.parties.len(), MOST_PARTIES);
    assert_eq!(ladder.arrows().count(), 60);
    assert_eq!(
        ladder.parties.last().map(|party| party.name.as_str()),
        Some("others")
    );
}

#[test]
fn nothing_at_all_is_drawn_as_that() {
    let ladder = Ladder::draw([], &Subject::All, &known());
    assert_eq!(draw(&ladder, Look::default()), "No message was recorded.\n");
    assert!(picture::svg(&ladder).contains("No message was recorded."));
    assert!(flows([]).is_empty());
}
