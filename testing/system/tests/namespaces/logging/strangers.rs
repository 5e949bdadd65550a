//! Who may not ask does not get there, or is not answered.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use logs::wire::{Answer, Refused, Request};
use system::bed::{CLIENTS, STRANGERS};
use system::controller::Controller;
use system::tls::Manner;
use topology::Port;

use super::super::site::with;
use super::asking::{issue, search};

const PORTS: [Port; 3] = [Port::LogCommand, Port::LogSearch, Port::LogTail];
const EDGE: &str = "edge01.contoso.net";
const FE: &str = "fe01.contoso.net";
const DIRECTORS: [&str; 2] = ["dir01.contoso.net", "dir02.contoso.net"];
/// As long as a packet that is dropped is waited for.
const SOON: Duration = Duration::from_millis(700);

#[test]
fn the_ports_of_logging_are_closed_to_strangers_and_a_machine_commands_nobody() {
    let test =
        "namespaces::the_ports_of_logging_are_closed_to_strangers_and_a_machine_commands_nobody";
    with(test, &[], |site| {
        issue(site);
        let topology = site.bed.topology();
        let reaches = |place: &str, at: SocketAddr| {
            let tried = || TcpStream::connect_timeout(&at, SOON).is_ok();
            site.bed.at(place).enter(tried)
        };
        for machine in topology.machines() {
            let sides = [Some(machine.address), machine.external, machine.published];
            for address in sides.into_iter().flatten() {
                let port = topology.ports().number(Port::LogSearch);
                let at = SocketAddr::new(address, port);
                assert!(
                    !reaches(STRANGERS[0], at),
                    "a stranger reaches {at} of {}",
                    machine.fqdn
                );
            }
        }
        for port in PORTS {
            let port = topology.ports().number(port);
            let edge = SocketAddr::new(site.outermost(EDGE), port);
            assert!(
                !reaches(STRANGERS[1], edge),
                "{port} of the Edge from outside"
            );
            // An agent listens inside alone, whoever may come to its machine.
            let outside = SocketAddr::new(site.outermost(EDGE), port);
            assert!(
                !reaches(EDGE, outside),
                "{port} of the Edge on its outer side"
            );
        }
        // An operator who stands among clients may ask the Directors, and nobody else.
        let said = search(site, CLIENTS[0], &["--patience", "1", "--level", "error"]);
        let machines = topology.machines().iter();
        let others = machines.filter(|machine| !DIRECTORS.contains(&machine.fqdn.as_str()));
        let missing = others.map(|machine| (machine.fqdn.as_str(), "unreachable"));
        assert_eq!((said.code, said.missing()), (Some(1), missing.collect()));

        let operator = site.running.operator();
        let edge = Manner::showing(&operator.root(), &operator.identity(EDGE)).unwrap();
        let address = topology.machine(FE).unwrap().address;
        for (port, request) in PORTS.into_iter().zip([
            Request::Show,
            Request::Search(everything()),
            Request::Tail(everything()),
        ]) {
            let at = SocketAddr::new(address, topology.ports().number(port));
            let answer = site.bed.at(EDGE).enter(|| {
                let mut controller = Controller::connect(&edge, at, FE).unwrap();
                controller.ask(&request).unwrap()
            });
            assert!(
                matches!(&*answer, [Answer::Refused(Refused::NotAllowed(..))]),
                "{request:?}: {answer:?}"
            );
        }
    });
}

fn everything() -> logs::Query {
    let day = Duration::from_secs(86_400);
    let span = logs::Span::new(logs::Time::ZERO, logs::Time::ZERO.after(day));
    logs::Query::within(span.unwrap())
}
