//! Who is beside the deployment: rows that exist only where somebody is named, and on which nobody of ours listens.

use topology::flows::Lang;
use topology::{Filter, Line, Topology};

use crate::{REFERENCE, SHORTEST, parse, reference};

fn lines(topology: &Topology, flow: u8) -> Vec<Line> {
    let all = topology.summary(Lang::En, Filter::default());
    all.into_iter().filter(|line| line.id == flow).collect()
}

fn sources(line: &Line) -> Vec<&str> {
    let hosts = line.source_hosts.iter();
    hosts.map(|host| host.address.as_str()).collect()
}

#[test]
fn without_names_there_are_no_rows_for_others() {
    let topology = parse(SHORTEST);
    for flow in [33, 34, 35] {
        assert!(lines(&topology, flow).is_empty(), "{flow}");
    }
}

#[test]
fn a_server_is_asked_from_the_face_on_whose_side_it_stands() {
    let text = REFERENCE.replace(
        "time_servers = [\"10.0.0.123\"]",
        "time_servers = [\"10.0.0.123\", \"198.51.100.123\"]",
    );
    let topology = parse(&text);
    let time = lines(&topology, 33);
    assert_eq!(time.len(), 2, "one inside, one outside: {time:?}");
    assert!(sources(&time[0]).contains(&"172.16.0.10"));
    assert_eq!(time[0].destination_hosts[0].address, "10.0.0.123");
    assert!(sources(&time[1]).contains(&"203.0.113.10"));
    assert!(sources(&time[1]).contains(&"10.0.0.21"), "it has one face");
    assert_eq!(time[1].destination_hosts[0].address, "198.51.100.123");
    let lists = lines(&topology, 34);
    assert_eq!(lists.len(), 1);
    assert_eq!(sources(&lists[0]), ["203.0.113.10"]);
}

#[test]
fn administrators_come_to_the_inside_of_every_machine() {
    let administration = lines(&reference(), 35);
    assert_eq!(sources(&administration[0]), ["10.0.9.0/24"]);
    let hosts = &administration[0].destination_hosts;
    assert_eq!(hosts.len(), reference().machines().len());
    assert!(hosts.iter().any(|host| host.address == "172.16.0.10"));
    assert!(!hosts.iter().any(|host| host.address == "203.0.113.10"));
}

#[test]
fn nobody_of_ours_listens_for_what_other_programs_serve() {
    // dns01 serves time beside names: a host of ours, and still another program.
    let text = REFERENCE.replace("\"10.0.0.123\"", "\"10.0.0.53\"");
    let topology = parse(&text);
    let time = &lines(&topology, 33)[0];
    assert_eq!(time.destination_hosts[0].name, "dns01.contoso.net");
    for machine in topology.machines() {
        for listener in topology.listeners(machine) {
            assert!(listener.port.is_ours(), "{listener:?}");
            assert!(!listener.flows.iter().any(|flow| (33..=35).contains(flow)));
        }
    }
}

/// What edges ask of name servers, where this is written of federation: destinations and who asks, line by line.
fn lookups(written: &str) -> Vec<(Vec<String>, Vec<String>)> {
    let topology = parse(&format!("{REFERENCE}\n[federation]\n{written}\n"));
    let all = lines(&topology, 29);
    let udp = all
        .into_iter()
        .filter(|line| line.service().contains("UDP"));
    let hosts = |hosts: &[topology::HostLine]| {
        let addresses = hosts.iter().map(|host| host.address.clone());
        addresses.collect()
    };
    udp.map(|line| (hosts(&line.destination_hosts), hosts(&line.source_hosts)))
        .collect()
}

#[test]
fn edges_ask_the_resolvers_of_the_file_and_without_any_whoever_is_outside() {
    let outer = ["203.0.113.10".to_owned()];
    let inner = ["172.16.0.10".to_owned()];
    assert!(lookups("mode = \"off\"").is_empty());
    // A resolver on the Edge itself asks whom it likes.
    for anybody in ["", "resolvers = [\"127.0.0.53\"]"] {
        let found = lookups(&format!("mode = \"open\"\n{anybody}"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0.is_empty() && found[0].1 == outer, "{found:?}");
    }
    let found = lookups("mode = \"open\"\nresolvers = [\"10.0.0.99\", \"198.51.100.53:5353\"]");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].0 == ["10.0.0.99"] && found[0].1 == inner,
        "{found:?}"
    );
    assert!(
        found[1].0 == ["198.51.100.53:5353"] && found[1].1 == outer,
        "{found:?}"
    );
}
