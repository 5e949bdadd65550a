//! A pool with two sites, and what requests get there.

mod discovery;
mod enrolment;
mod refused;
mod signing_in;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use base::{Source, UnixMillis};
use directory::{Aor, Change, Directory, PoolName, Revision, User};
use http::{Request, Response};
use serde_json::Value;

use super::*;
use crate::Location::{Inside, Outside};

pub(super) const NOON: UnixMillis = UnixMillis(1_715_418_847_000);
pub(super) const ROOT: &str = "/Autodiscover/AutodiscoverService.svc/root";

/// A Director's sites, or those of a Front End, with alice at home in fepool01 and bob in fepool02.
pub(super) struct Fixture {
    pub(super) site: Site,
    pub(super) users: Directory,
    pub(super) backing: Machine,
}

/// A machine on which everybody's password is `secret`.
#[derive(Default)]
pub(super) struct Machine {
    pub(super) slowed: Cell<bool>,
    pub(super) asked: Cell<u32>,
    pub(super) forged: Cell<u32>,
}

impl Backing for Machine {
    fn prove(&self, _: Source, _: &Aor, user: Option<&User>, password: &str) -> Verdict {
        self.asked.set(self.asked.get() + 1);
        match user {
            _ if self.slowed.get() => Verdict::Slowed,
            Some(user) if user.enabled && password == "secret" => Verdict::Proven,
            Some(_) | None => Verdict::Wrong,
        }
    }

    fn forged(&self, _: Source) {
        self.forged.set(self.forged.get() + 1);
    }

    fn facts(&self) -> Facts {
        let disk = DiskFacts {
            writable: true,
            free: 1,
            size: 1,
        };
        Facts {
            disk,
            ..Facts::default()
        }
    }
}

impl Fixture {
    pub(super) fn of_pool(pool: &str) -> Self {
        let users = Directory::default();
        for (at, user) in [("alice", "fepool01"), ("bob", "fepool02"), ("carl", "gone")]
            .into_iter()
            .enumerate()
        {
            put(&users, at as u64 + 1, user.0, user.1, true);
        }
        put(&users, 4, "dora", "fepool01", false);
        Self {
            site: Site::new(config(pool), Keys::new(&[1; 32])),
            users,
            backing: Machine::default(),
        }
    }

    pub(super) fn director() -> Self {
        Self::of_pool("dirpool01")
    }

    pub(super) fn send(&self, to: (Location, bool), request: Request<()>) -> Response<Vec<u8>> {
        self.answer(to, request).response
    }

    pub(super) fn answer(&self, to: (Location, bool), request: Request<()>) -> Answer {
        let (head, ()) = request.into_parts();
        self.site
            .answer(&ask(to, &head), &self.users, &self.backing)
    }

    /// A GET of an address without its scheme, by TLS.
    pub(super) fn get(&self, location: Location, address: &str) -> Response<Vec<u8>> {
        self.send((location, true), get(address))
    }

    pub(super) fn ticket_of(&self, location: Location, user: &str) -> String {
        let aor = format!("sip:{user}@contoso.com");
        self.site.keys.mint(NOON, &aor, location)
    }
}

pub(super) fn ask((location, secure): (Location, bool), head: &Parts) -> Ask<'_> {
    Ask {
        location,
        secure,
        source: Source::of(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        now: NOON,
        head,
    }
}

pub(super) fn put(users: &Directory, at: u64, name: &str, pool: &str, enabled: bool) {
    let user = User {
        aor: Aor::parse(&format!("{name}@contoso.com")).unwrap(),
        display_name: String::new(),
        home: PoolName::parse(&format!("{pool}.contoso.net")).unwrap(),
        enabled,
        verifiers: Vec::new(),
        blocked: Vec::new(),
        certificates: Vec::new(),
        contacts: Vec::new(),
        created: NOON,
        changed: NOON,
    };
    users.apply(Revision(at), Change::Put(user));
}

pub(super) fn get(address: &str) -> Request<()> {
    let (host, path) = address.split_at(address.find('/').unwrap());
    let request = Request::get(path).header("host", host);
    request.body(()).unwrap()
}

pub(super) fn header<'a>(response: &'a Response<Vec<u8>>, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

pub(super) fn json(response: &Response<Vec<u8>>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

/// The link of a token in a document.
pub(super) fn link(response: &Response<Vec<u8>>, about: &str, token: &str) -> Option<String> {
    let links = json(response)[about]["Links"].as_array()?.clone();
    let mut found = links.into_iter().filter(|link| link["token"] == token);
    Some(found.next()?["href"].as_str()?.to_owned())
}

fn config(pool: &str) -> Config {
    let server = |name: &str, port| {
        let fqdn = Arc::from(name);
        Some(Server { fqdn, port })
    };
    let home = |name: &str| Home {
        inside: format!("web-{name}.contoso.net").into(),
        outside: format!("web-{name}.contoso.com").into(),
    };
    let short = |host: &str, path: &str| Short {
        host: host.into(),
        path: path.into(),
    };
    let homes =
        ["fepool01", "fepool02"].map(|name| (format!("{name}.contoso.net").into(), home(name)));
    Config {
        machine: "dir01.contoso.net".into(),
        pool: format!("{pool}.contoso.net").into(),
        domains: vec!["contoso.com".into(), "contoso.org".into()],
        inside: Place {
            web: "webdir.contoso.net".into(),
            port: ":10443".into(),
            names: vec!["dir01.contoso.net".into()],
            discover: vec![
                "lyncdiscoverinternal.contoso.com".into(),
                "lyncdiscover.contoso.com".into(),
            ],
            client: server("dirpool01.contoso.net", 5061),
            server: server("fepool01.contoso.net", 5061),
        },
        outside: Some(Place {
            web: "webdirext.contoso.com".into(),
            discover: vec!["lyncdiscover.contoso.com".into()],
            client: server("sip.contoso.com", 443),
            server: server("sip.contoso.com", 443),
            ..Place::default()
        }),
        homes: BTreeMap::from(homes),
        meet: vec![("contoso.com".into(), short("meet.contoso.com", ""))],
        dialin: Some(short("lync.contoso.com", "/dialin")),
        admin: Some(short("lync.contoso.com", "/admin")),
    }
}
