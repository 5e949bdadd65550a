//! Another organisation outside, found by its records, under default drop: with a resolver outside, and with one inside
//! on a port of its own.

use std::net::{IpAddr, SocketAddr};

use firewall::matrix::Verdict;
use system::agent::{Agent, Link};
use system::authority::{Authority, Identity, Naming};
use system::bed::{CLIENTS, Ground, STRANGERS, TIME};
use system::tls::{Door, Manner, PATIENCE, Wire};
use system::zone::Zone;
use topology::flows::Carrier;

use super::site::{REFERENCE, Site, is_possible};
use super::verify::everywhere;

const EDGE01: &str = "edge01.contoso.net";
/// The name that the Edge proves outside.
const OUTSIDE: &str = "sip.contoso.com";
const PARTNER: &str = "partner.example";
const SIP: u16 = 5061;
const DNS: u16 = 53;
/// The row of names of partners.
const LOOKUPS: u8 = 29;

#[test]
fn a_partner_is_looked_up_and_written_to_and_writes_back() {
    let test = "namespaces::a_partner_is_looked_up_and_written_to_and_writes_back";
    if !is_possible(test, &[]) {
        return;
    }
    // Strangers come second, the clock last.
    let [_, outside, .., inside] = Ground::IPV4.guests;
    for (place, resolver) in [(STRANGERS[1], (outside, DNS)), (TIME, (inside, 5353))] {
        exchange(place, resolver.into(), outside);
    }
}

/// Our organisation and another with its server at an address, found by a resolver somewhere.
fn exchange(place: &str, resolver: SocketAddr, server: IpAddr) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path()).unwrap();
    let lines = format!(
        "\n[federation]\nmode = \"open\"\nca = \"{}\"\nresolvers = [\"{resolver}\"]\n",
        authority.root().display()
    );
    let site = Site::start(&format!("{REFERENCE}{lines}"), &Ground::IPV4);
    let naming = Naming {
        common: "a server",
        hosts: &[PARTNER],
        ..Naming::default()
    };
    let identity = authority.issue_naming("partner", &naming).unwrap();
    let names = site.bed.at(place);
    let zone = names.enter(|| Zone::start_at(resolver)).unwrap();
    zone.host("sip.partner.example", server);
    zone.srv(
        "_sips._tcp.partner.example",
        (1, 0, SIP),
        "sip.partner.example.",
    );
    let tries = everywhere(&site, "none").tries.into_iter();
    let lookups = tries.filter(|one| one.flows == [LOOKUPS] && one.carrier == Carrier::Udp);
    let lookups: Vec<_> = lookups.map(|one| (one.to, one.verdict)).collect();
    assert_eq!(lookups, [(resolver.ip().to_string(), Verdict::Pass)]);
    out(&site, &identity, SocketAddr::new(server, SIP));
    back(&site, &identity);
    names.enter(|| drop(zone));
}

/// A user inside writes to somebody there: the Edge asks for the server and connects.
fn out(site: &Site, identity: &Identity, at: SocketAddr) {
    let root = site.running.operator().root();
    let there = site.bed.at(STRANGERS[1]);
    let door = there.enter(|| Door::open(at, &root, identity)).unwrap();
    let doors = site.running.doors(&site.bed).unwrap();
    let inside = site.bed.at(CLIENTS[0]);
    let user = &site.running.users()[1];
    let mut bob = inside.enter(|| doors.sign_in_inside(user)).unwrap();
    let message = bob.request("MESSAGE", &format!("sip:pat@{PARTNER}"));
    let message = bob.begin(message).unwrap();
    let wire = door.accept(PATIENCE).unwrap();
    let mut server = Agent::new(Link::Tls(Box::new(wire))).unwrap();
    let came = server.expect("MESSAGE").unwrap();
    server.answer(&came, 200).unwrap();
    bob.expect_status(&message, 200).unwrap();
}

/// A server from there writes to a user inside.
fn back(site: &Site, identity: &Identity) {
    let manner = Manner::showing(&site.running.operator().root(), identity).unwrap();
    let edge = SocketAddr::new(site.outermost(EDGE01), SIP);
    let there = site.bed.at(STRANGERS[1]);
    let wire = there
        .enter(|| Wire::connect(&manner, edge, OUTSIDE))
        .unwrap();
    let mut server = Agent::new(Link::Tls(Box::new(wire))).unwrap();
    let doors = site.running.doors(&site.bed).unwrap();
    let user = &site.running.users()[3];
    let mut dave = site
        .bed
        .at(CLIENTS[1])
        .enter(|| doors.sign_in_inside(user))
        .unwrap();
    let message = server.request("MESSAGE", dave.aor());
    let message = message.set("From", format_args!("<sip:pat@{PARTNER}>;tag=pat"));
    let message = server.begin(message).unwrap();
    let came = dave.expect("MESSAGE").unwrap();
    dave.answer(&came, 200).unwrap();
    server.expect_status(&message, 200).unwrap();
}
