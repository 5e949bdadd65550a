//! Who asks, and where.

use std::net::SocketAddr;

use logs::wire::{AgentStatus, Answer, Done, Refused, Request};
use logs::{Query, Running, Span, Time};
use system::authority::Identity;
use system::controller::Controller;
use system::tls::Manner;

use super::super::site::{Site, flow, topology};

/// Which of an agent's ports.
#[derive(Clone, Copy)]
pub(super) enum At {
    Command,
    Search,
    Tail,
}

/// Makes the certificate of an operator and returns how they show it.
pub(super) fn operator(site: &Site, name: &str) -> Manner {
    issue(site, name);
    showing(site, &identity(site, name))
}

pub(super) fn issue(site: &Site, name: &str) {
    let file = topology();
    let words = ["certs", "issue", file.to_str().unwrap(), "--operator", name];
    site.operator().done(&words, "").unwrap();
}

pub(super) fn identity(site: &Site, name: &str) -> Identity {
    let folder = site.operator().state().join("operators").join(name);
    Identity {
        certificate: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    }
}

pub(super) fn showing(site: &Site, identity: &Identity) -> Manner {
    Manner::showing(&site.operator().root(), identity).unwrap()
}

/// Returns where a machine's agent listens.
pub(super) fn address(site: &Site, machine: &str, at: At) -> SocketAddr {
    let report = site.report(machine);
    let of_agent =
        |one: &&system::operator::Listener| one.flows.contains(&flow::LOGGING) && one.open;
    let mut ports: Vec<SocketAddr> = report
        .listeners
        .iter()
        .filter(of_agent)
        .map(|one| one.address)
        .collect();
    ports.sort_unstable();
    assert_eq!(ports.len(), 3, "{:?}", report.listeners);
    ports[at as usize]
}

pub(super) fn connect(site: &Site, manner: &Manner, machine: &str, at: At) -> Controller {
    Controller::connect(manner, address(site, machine, at), machine).unwrap()
}

pub(super) fn start(scenario: &str, duration: Option<&str>) -> Request {
    Request::Start {
        scenario: scenario.to_owned(),
        duration: duration.map(|text| text.parse().unwrap()),
    }
}

pub(super) fn stop(scenario: &str) -> Request {
    Request::Stop {
        scenario: scenario.to_owned(),
    }
}

/// Asks what is answered by the scenarios that run, and returns their names.
pub(super) fn running(controller: &mut Controller, request: &Request) -> Vec<Running> {
    match &*controller.ask(request).unwrap() {
        [Answer::Running(running), Answer::Done(_)] => running.clone(),
        other => panic!("{other:?}"),
    }
}

pub(super) fn names(running: &[Running]) -> Vec<&str> {
    running.iter().map(|one| &*one.scenario).collect()
}

pub(super) fn status(controller: &mut Controller) -> AgentStatus {
    match &*controller.ask(&Request::Status).unwrap() {
        [Answer::Status(status), Answer::Done(_)] => (**status).clone(),
        other => panic!("{other:?}"),
    }
}

pub(super) fn refused(controller: &mut Controller, request: &Request) -> Refused {
    match &*controller.ask(request).unwrap() {
        [Answer::Refused(why)] => why.clone(),
        other => panic!("{other:?}"),
    }
}

pub(super) fn everything() -> Query {
    Query::within(
        Span::new(
            Time(0),
            Time(0).after(std::time::Duration::from_secs(86_400)),
        )
        .unwrap(),
    )
}

/// Everything of the last hour and the next.
pub(super) fn lately(now: Time) -> Query {
    let hour = std::time::Duration::from_secs(3600);
    Query::within(Span::new(now.before(hour), now.after(hour)).unwrap())
}

pub(super) fn search(controller: &mut Controller, query: &Query) -> (String, Done) {
    let parts = controller.ask(&Request::Search(query.clone())).unwrap();
    let Some((Answer::Done(done), records)) = parts.split_last() else {
        panic!("{parts:?}")
    };
    let text = records.iter().map(|part| match part {
        Answer::Records(text) => &**text,
        Answer::Running(_)
        | Answer::Status(_)
        | Answer::Missed(_)
        | Answer::File { .. }
        | Answer::Bytes(_)
        | Answer::Done(_)
        | Answer::Refused(_) => panic!("{part:?}"),
    });
    (text.collect(), *done)
}
