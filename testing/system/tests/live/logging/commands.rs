//! Operators start, stop, change and look; searches find what was done.

use logs::Criterion;
use logs::wire::{Answer, Refused, Request};

use super::super::site::{DIR01, EDGE01, Site};
use super::ground::{
    At, connect, lately, names, operator, refused, running, search, start, status, stop,
};

#[test]
fn an_operator_starts_stops_changes_and_looks_and_a_third_scenario_is_refused_with_what_runs() {
    let site = Site::new();
    let _product = site.up();
    let ann = operator(&site, "ann");
    let mut agent = connect(&site, &ann, DIR01, At::Command);
    assert_eq!(names(&running(&mut agent, &Request::Show)), ["AlwaysOn"]);
    let two = running(&mut agent, &start("signin", Some("8:00")));
    assert_eq!(names(&two), ["AlwaysOn", "SignIn"]);
    assert_eq!((&*two[1].by, two[1].until.is_some()), ("ann", true));
    let why = refused(&mut agent, &start("Web", None)).to_string();
    assert!(
        why.contains("AlwaysOn without end")
            && why.contains("SignIn until")
            && why.contains("started by ann"),
        "{why}"
    );
    let why = refused(&mut agent, &start("SingIn", None)).to_string();
    assert!(why.contains("did you mean SignIn?"), "{why}");
    let before = two[1].until;
    let update = Request::Update {
        duration: "30".parse().unwrap(),
    };
    let updated = running(&mut agent, &update);
    assert!(updated[1].until < before && updated[0].until.is_none());
    assert_eq!(names(&running(&mut agent, &stop("AlwaysOn"))), ["SignIn"]);
    let why = refused(&mut agent, &stop("AlwaysOn")).to_string();
    assert!(why.contains("does not run"), "{why}");
    let told = status(&mut agent);
    assert_eq!(
        (names(&told.running), &told.trouble),
        (vec!["SignIn"], &None)
    );
    assert!(told.free > 0 && told.bytes_max > 0 && told.kept > 0);
    // Another machine's agent was not asked.
    let mut edge = connect(&site, &ann, EDGE01, At::Command);
    assert_eq!(names(&running(&mut edge, &Request::Show)), ["AlwaysOn"]);
    // Who did what is found, also what was refused, and although AlwaysOn was stopped.
    let Ok([Answer::Done(done)]) = agent
        .ask(&Request::Sync)
        .map(|all| <[Answer; 1]>::try_from(all).unwrap())
    else {
        panic!("not synced")
    };
    let mut query = lately(done.now);
    query.criteria = vec![Criterion::Text("operator ann".into())];
    let mut searcher = connect(&site, &ann, DIR01, At::Search);
    let (found, done) = search(&mut searcher, &query);
    assert_eq!(
        usize::try_from(done.given).unwrap(),
        found.matches("=== ").count()
    );
    for words in [
        "start a scenario",
        "stop a scenario",
        "see how an agent is",
        "decision=refused",
        "SingIn",
    ] {
        assert!(found.contains(words), "{words}: {found}");
    }
}

#[test]
fn what_is_asked_at_another_port_is_refused_and_the_connection_goes_on() {
    let site = Site::new();
    let _product = site.up();
    let ann = operator(&site, "ann");
    for (at, wrong, right) in [
        (
            At::Search,
            Request::Show,
            Request::Search(super::ground::everything()),
        ),
        (
            At::Tail,
            Request::Search(super::ground::everything()),
            Request::Collect(super::ground::everything().span),
        ),
        (
            At::Command,
            Request::Tail(super::ground::everything()),
            Request::Show,
        ),
    ] {
        let mut agent = connect(&site, &ann, DIR01, at);
        assert_eq!(refused(&mut agent, &wrong), Refused::WrongPort);
        let answer = agent.ask(&right).unwrap();
        assert!(matches!(answer.last(), Some(Answer::Done(_))), "{answer:?}");
    }
}
