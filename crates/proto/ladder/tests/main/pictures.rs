//! Whole pictures, as people see them. A picture that is to change is printed where it differs: look at it, then keep it.

use ladder::text::{Look, draw, message};
use ladder::{Ladder, Subject, picture};

use crate::world::{failed_call, failed_sign_in, known};

fn call() -> Ladder {
    Ladder::draw(&failed_call(), &Subject::All, &known())
}

fn sign_in() -> Ladder {
    Ladder::draw(&failed_sign_in(), &Subject::All, &known())
}

#[track_caller]
fn is_kept(drawn: &str, kept: &str) {
    assert!(drawn == kept, "it is drawn so:\n{drawn}");
}

#[test]
fn a_failed_call_at_its_widest_and_in_a_narrow_window() {
    let at = |width| {
        draw(
            &call(),
            Look {
                width,
                ..Look::default()
            },
        )
    };
    is_kept(&at(120), include_str!("../golden/call-120.txt"));
    is_kept(&at(80), include_str!("../golden/call-80.txt"));
    is_kept(&at(50), include_str!("../golden/call-50.txt"));
}

#[test]
fn a_failed_sign_in() {
    let ascii = Look {
        ascii: true,
        ..Look::default()
    };
    is_kept(
        &draw(&sign_in(), Look::default()),
        include_str!("../golden/sign-in-80.txt"),
    );
    is_kept(
        &draw(&sign_in(), ascii),
        include_str!("../golden/sign-in-80-ascii.txt"),
    );
}

#[test]
fn colours_change_nothing_but_colours() {
    let plain = draw(&call(), Look::default());
    let colour = draw(
        &call(),
        Look {
            colour: true,
            ..Look::default()
        },
    );
    let mut bare = String::new();
    for (place, part) in colour.split('\x1b').enumerate() {
        bare.push_str(if place == 0 {
            part
        } else {
            part.split_once('m').unwrap().1
        });
    }
    assert_eq!(bare, plain);
    let ends_plain = |line: &str| {
        line.rfind('\x1b')
            .is_none_or(|at| line[at..].starts_with("\x1b[0m"))
    };
    assert!(colour.contains("\x1b[1;31m") && colour.lines().all(ends_plain));
}

#[test]
fn a_message_is_shown_whole() {
    is_kept(
        &message(&call(), 9, Look::default()).unwrap(),
        include_str!("../golden/message.txt"),
    );
    assert_eq!(message(&call(), 15, Look::default()), None);
    assert_eq!(message(&call(), 0, Look::default()), None);
}

#[test]
fn the_picture_in_the_documentation_is_what_is_drawn() {
    is_kept(
        &picture::svg(&call()),
        include_str!("../../../../../docs/ladder.svg"),
    );
}
