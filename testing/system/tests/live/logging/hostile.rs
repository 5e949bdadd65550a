//! What no controller sends, and whoever sends nothing: the agent and its server go on.

use std::net::TcpStream;

use logs::wire::{Answer, Refused, Request, encode};
use logs::{Criterion, Pattern, Query, Span, Time};
use system::controller::Controller;
use system::tls::Manner;

use super::super::site::{DIR01, Site};
use super::ground::{At, address, connect, everything, names, operator, refused, running};

/// The frame of a request.
fn frame(request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(request, &mut bytes).unwrap();
    bytes
}

/// A frame whose body is this.
fn framed(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 2).unwrap().to_be_bytes();
    [&length[..], &[1, 1], body].concat()
}

/// Puts one piece of a frame in the place of another.
fn with(request: &Request, from: &[u8], to: &[u8]) -> Vec<u8> {
    let body = frame(request).split_off(6);
    let at = body
        .windows(from.len())
        .position(|piece| piece == from)
        .unwrap();
    framed(&[&body[..at], to, &body[at + from.len()..]].concat())
}

fn search(query: Query) -> Request {
    Request::Search(query)
}

#[test]
fn what_is_no_request_ends_the_connection_and_nothing_else() {
    let site = Site::new();
    let _product = site.up();
    let ann = operator(&site, "ann");
    let short = search(Query::within(Span::new(Time(77), Time(78)).unwrap()));
    let mut patterned = everything();
    patterned.criteria = vec![Criterion::Pattern(Pattern::new("abcdefghijklm").unwrap())];
    let patterned = search(patterned);
    let mut limited = everything();
    limited.limit = 1000;
    let year = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f];
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("longer than any", vec![0xff, 0xff, 0xff, 0xff, 1, 1]),
        (
            "a byte longer than a request may be",
            vec![0, 1, 0, 1, 1, 1],
        ),
        ("no room for a version", vec![0, 0, 0, 1, 1]),
        ("of another version", vec![0, 0, 0, 9, 2, 1]),
        ("an answer", vec![0, 0, 0, 9, 1, 2]),
        ("no such request", framed(&[200])),
        ("bytes left over", framed(&[3, 0])),
        ("an empty body", framed(&[])),
        (
            "another protocol",
            b"GET / HTTP/1.1\r\nHost: dir01\r\n\r\n".to_vec(),
        ),
        (
            "a span that ends before it begins",
            with(&short, &[77, 78], &[78, 77]),
        ),
        (
            "a span of ages",
            with(&short, &[77, 78], &[&[77][..], &year].concat()),
        ),
        (
            "a pattern that would take all memory",
            with(&patterned, b"abcdefghijklm", b"(a{999}){999}"),
        ),
        (
            "a pattern that is none",
            with(&patterned, b"abcdefghijklm", b"((((((((((((a"),
        ),
        (
            "no result at all",
            with(&search(limited), &[0xe8, 0x07], &[0]),
        ),
        (
            "letters that are none",
            with(&super::ground::start("SignIn", None), b"SignIn", &[0xff; 6]),
        ),
    ];
    for (what, bytes) in cases {
        let mut agent = connect(&site, &ann, DIR01, At::Command);
        agent.send(&bytes).unwrap();
        let answer = agent.answer();
        assert!(answer.is_err(), "{what}: {answer:?}");
    }
    // What is too long for a name is a name that does not exist, and the connection goes on.
    let mut agent = connect(&site, &ann, DIR01, At::Command);
    let why = refused(&mut agent, &super::ground::start(&"x".repeat(60_000), None));
    assert!(
        matches!(&why, Refused::Failed(why) if why.len() < 500),
        "{why}"
    );
    assert_eq!(names(&running(&mut agent, &Request::Show)), ["AlwaysOn"]);
    assert_eq!(
        site.phone(DIR01).options(DIR01).unwrap(),
        200,
        "the server goes on"
    );
}

#[test]
fn whoever_says_nothing_keeps_nobody_out_and_is_sent_away() {
    let site = Site::new();
    let _product = site.up();
    let ann = operator(&site, "ann");
    let at = address(&site, DIR01, At::Command);
    let silent: Vec<TcpStream> = (0..80).map(|_| TcpStream::connect(at).unwrap()).collect();
    let machine = Manner::showing(&site.operator().root(), &site.operator().identity(DIR01));
    let mut quiet = Controller::connect(&machine.unwrap(), at, DIR01).unwrap();
    let mut agent = connect(&site, &ann, DIR01, At::Command);
    assert_eq!(names(&running(&mut agent, &Request::Show)), ["AlwaysOn"]);
    quiet.ended().unwrap();
    // A request may come in pieces, one byte at a time.
    for byte in frame(&Request::Show) {
        agent.send(&[byte]).unwrap();
    }
    let Answer::Running(all) = agent.answer().unwrap() else {
        panic!("not what was asked")
    };
    assert_eq!((names(&all), silent.len()), (vec!["AlwaysOn"], 80));
}

#[test]
fn as_many_watch_as_may_and_who_leaves_makes_room() {
    let site = Site::new();
    let _product = site.up();
    let ann = operator(&site, "ann");
    let tail = |site: &Site| {
        let mut agent = connect(site, &ann, DIR01, At::Tail);
        agent.request(&Request::Tail(everything())).unwrap();
        agent
    };
    let mut watching: Vec<Controller> = (0..8).map(|_| tail(&site)).collect();
    // Each has begun when it hears of a command.
    let heard = |agent: &mut Controller| matches!(agent.answer(), Ok(Answer::Records(_)));
    let mut command = connect(&site, &ann, DIR01, At::Command);
    for agent in &mut watching {
        let begun = (0..50).any(|_| {
            running(&mut command, &Request::Show);
            heard(agent)
        });
        assert!(begun);
    }
    let mut ninth = connect(&site, &ann, DIR01, At::Tail);
    assert_eq!(
        refused(&mut ninth, &Request::Tail(everything())),
        Refused::Busy
    );
    drop(watching.pop());
    let room = system::wait::until(system::tls::PATIENCE, || {
        let mut next = tail(&site);
        running(&mut command, &Request::Show);
        heard(&mut next).then_some(())
    });
    assert!(room.is_some(), "who has gone still holds a place");
}
