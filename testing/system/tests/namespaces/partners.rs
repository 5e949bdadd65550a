//! Another organisation outside, found by its records, under default drop.

use std::net::SocketAddr;

use system::agent::{Agent, Link};
use system::authority::{Authority, Identity, Naming};
use system::bed::{CLIENTS, Ground, STRANGERS};
use system::tls::{Door, Manner, PATIENCE, Wire};
use system::zone::Zone;

use super::site::{REFERENCE, Site, is_possible};

const EDGE01: &str = "edge01.contoso.net";
/// The name that the Edge proves outside.
const OUTSIDE: &str = "sip.contoso.com";
const PARTNER: &str = "partner.example";
const SIP: u16 = 5061;
const DNS: u16 = 53;

#[test]
fn a_partner_is_looked_up_and_written_to_and_writes_back() {
    let test = "namespaces::a_partner_is_looked_up_and_written_to_and_writes_back";
    if !is_possible(test, &[]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path()).unwrap();
    let abroad = Ground::IPV4.guests[1];
    let lines = format!(
        "\n[federation]\nmode = \"open\"\nca = \"{}\"\nresolvers = [\"{abroad}\"]\n",
        authority.root().display()
    );
    let site = Site::start(&format!("{REFERENCE}{lines}"), &Ground::IPV4);
    let naming = Naming {
        common: "a server",
        hosts: &[PARTNER],
        ..Naming::default()
    };
    let identity = authority.issue_naming("partner", &naming).unwrap();
    let there = site.bed.at(STRANGERS[1]);
    let zone = there
        .enter(|| Zone::start_at(SocketAddr::new(abroad, DNS)))
        .unwrap();
    zone.host("sip.partner.example", abroad);
    zone.srv(
        "_sips._tcp.partner.example",
        (1, 0, SIP),
        "sip.partner.example.",
    );
    out(&site, &identity, SocketAddr::new(abroad, SIP));
    back(&site, &identity);
    there.enter(|| drop(zone));
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
