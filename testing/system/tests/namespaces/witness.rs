//! A packet that somebody has thought of, really sent: it comes to the packet filter that it is about, and either gets
//! past it or does not.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use system::bed::{Beginning, CLIENTS, INNER, Net, OUTER, STRANGERS};
use system::wait;
use topology::flows::Carrier;

use super::site::Site;

/// A machine of the perimeter, from which a packet can be sent through either boundary.
const BETWEEN: &str = "edge01.contoso.net";
const SOON: Duration = Duration::from_secs(10);

/// The first packet of a connection.
#[derive(Debug)]
pub(super) struct Witness {
    beginning: Beginning,
    source_port: u16,
}

impl Witness {
    /// Reads it as an audit writes it.
    pub(super) fn read(packet: &Value) -> Self {
        let address = |key: &str| packet[key].as_str().unwrap().parse().unwrap();
        let port = |key: &str| u16::try_from(packet[key].as_u64().unwrap()).unwrap();
        assert_eq!(packet["state"], "new", "{packet}");
        Self {
            beginning: Beginning {
                source: address("source"),
                destination: address("destination"),
                carrier: match packet["protocol"].as_u64() {
                    Some(6) => Carrier::Tcp,
                    Some(17) => Carrier::Udp,
                    other => panic!("{other:?} of {packet} cannot be sent by a socket"),
                },
                port: port("destination_port"),
            },
            source_port: port("source_port"),
        }
    }

    /// Sends it to where a place watches a hook; tells whether it got past the filters there.
    pub(super) fn passes(&self, site: &Site, place: &str, hook: &str) -> bool {
        let Self {
            beginning,
            source_port,
        } = self;
        let way = self.way(site, place, hook);
        let sender = site.bed.at(way.sender);
        let at = site.bed.at(place);
        at.watch().unwrap();
        // Taken back only when it has been seen.
        let sent = sender.knock_from(beginning, *source_port).unwrap();
        let came = wait::until(SOON, || {
            at.come(hook).unwrap().contains(beginning).then_some(())
        });
        drop(sent);
        assert!(
            came.is_some(),
            "{self:?} from {} did not come to {place}",
            way.sender
        );
        at.past(hook).unwrap().contains(beginning)
    }

    /// Makes a way for it: somebody to send it who may, with its source among their addresses, and routes.
    fn way<'a>(&self, site: &'a Site, place: &'a str, hook: &str) -> Way<'a> {
        let (source, to) = (self.beginning.source, self.beginning.destination);
        let is_in = |net: Net| site.bed.ground().network(net).contains(to);
        let sender = match (hook, place) {
            ("output", _) => place,
            // Routers have no filter of their own, and a leg in every network.
            ("input", _) if is_in(Net::External) => OUTER,
            ("input", _) => INNER,
            (_, OUTER) if is_in(Net::External) => STRANGERS[1],
            (_, INNER) if !is_in(Net::Inside) => CLIENTS[1],
            _ => BETWEEN,
        };
        let mut way = Way::by(site, sender, sender == BETWEEN && sender != place);
        if !site.bed.addresses(sender).contains(&source) {
            way.have(sender, "addr", &[&whole(source), "dev", "lo"]);
        }
        if (place, sender) == (OUTER, BETWEEN) {
            let outer = site.bed.ground().routers[Net::External as usize].to_string();
            way.have(sender, "route", &[&whole(to), "via", &outer]);
        }
        // What lies beyond the filter's own networks is said to be a neighbour on the other side.
        let beyond = match (place, hook, sender) {
            (OUTER, "forward", BETWEEN) => Some(Net::Street),
            (INNER, "forward", sender) if sender == CLIENTS[1] => Some(Net::Internal),
            _ => None,
        };
        if let Some(net) = beyond.filter(|net| !is_in(*net)) {
            way.have(place, "route", &[&whole(to), "dev", net.name()]);
        }
        way
    }
}

fn whole(address: IpAddr) -> String {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    format!("{address}/{bits}")
}

/// What was arranged for a packet; undone when it is dropped.
struct Way<'a> {
    site: &'a Site,
    sender: &'a str,
    is_free: bool,
    undo: Vec<(&'a str, Vec<String>)>,
}

impl<'a> Way<'a> {
    /// Begins with the sender; a free one sends what its own rules would not let out.
    fn by(site: &'a Site, sender: &'a str, is_free: bool) -> Self {
        if is_free {
            site.bed.at(sender).unload().unwrap();
        }
        Self {
            site,
            sender,
            is_free,
            undo: Vec::new(),
        }
    }

    /// Gives a place an address or a route.
    fn have(&mut self, place: &'a str, kind: &str, words: &[&str]) {
        let all = |verb: &str| {
            let all = [kind, verb].into_iter().chain(words.iter().copied());
            all.map(str::to_owned).collect::<Vec<_>>()
        };
        self.site.bed.at(place).run("ip", &all("add"), "").unwrap();
        self.undo.push((place, all("del")));
    }
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        // What cannot be undone after a failure must not hide the failure.
        for (place, words) in self.undo.drain(..).rev() {
            let _ = self.site.bed.at(place).run("ip", &words, "");
        }
        if self.is_free {
            let _ = self.site.filters.load_at(&self.site.bed, self.sender);
        }
    }
}
