use super::*;
use runtime::passing::{Arrival, Moved, Switch as _};
use topology::Topology;

const REFERENCE: &str = include_str!("../../../../examples/reference.toml");

fn pools(text: &str) -> Pools {
    recorded(text, Recorder::default())
}

fn recorded(text: &str, recorder: Recorder) -> Pools {
    let topology = Topology::parse(text, "sample").unwrap();
    let view = topology.view("lb01.contoso.net").unwrap();
    Pools::of(&view, [3; 32], Clock::start(), recorder)
}

fn arrival(pools: &Pools, port: u16, source: &str) -> Arrival {
    let door = pools.doors.iter().position(|door| door.port == port);
    Arrival {
        door: door.unwrap(),
        source: source.parse().unwrap(),
        destination: "10.0.0.10:1".parse().unwrap(),
    }
}

#[test]
fn the_web_ports_of_a_vip_lead_to_the_members_and_nothing_else_does() {
    let pools = pools(REFERENCE);
    let mut ports: Vec<u16> = pools.doors.iter().map(|door| door.port).collect();
    ports.sort_unstable();
    assert_eq!(ports, [80, 443, 4443, 8080]);
    let names: Vec<String> = pools.states().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["dirpool01.contoso.net"]);
}

#[test]
fn with_hlb_alone_the_vip_takes_sip_too() {
    let text = REFERENCE
        .replace("\"dns+hlb\"", "\"hlb\"")
        .replace("web = {", "# web = {");
    let pools = pools(&text);
    assert!(pools.doors.iter().any(|door| door.port == 5061));
}

#[test]
fn where_tls_ends_at_the_vip_web_sites_are_read_and_sip_is_passed_through() {
    let text = REFERENCE.replace("\"dns+hlb\"", "\"hlb\"").replace(
        "vip = \"10.0.0.10\"",
        "vip = \"10.0.0.10\"\nvip_mode = \"http\"\nvip_cookie = true",
    );
    let pools = pools(&text);
    let passed: Vec<u16> = pools.doors.iter().map(|door| door.port).collect();
    assert!(passed.contains(&5061), "{passed:?}");
    let web = [80, 443, 8080, 4443];
    assert!(web.iter().all(|port| !passed.contains(port)), "{passed:?}");
    assert_eq!(pools.sites.len(), web.len());
    for site in &pools.sites {
        let hops = &pools.hops[site.first..site.first + 2];
        let name = if site.outside {
            "webdirexternal.contoso.com"
        } else {
            "webdir.contoso.net"
        };
        assert!(hops.iter().all(|hop| *hop.name == *name), "{hops:?}");
        assert!(hops.iter().all(|hop| web.contains(&hop.addr.port())));
        assert!(site.names.names().any(|own| own == name));
        assert!(site.names.names().all(|own| !own.contains("pool01")));
        assert_eq!(site.cookies.is_some(), site.outside && site.secured);
    }
}

#[test]
fn a_client_inside_stays_with_its_member_and_the_member_hears_whose_it_is() {
    let pools = pools(REFERENCE);
    let mut places = Vec::new();
    for _ in 0..5 {
        let mut way = pools.begin(arrival(&pools, 443, "10.1.2.3:4444"));
        let onward = pools.next(&mut way).unwrap();
        pools.taken(&mut way);
        assert_eq!(onward.from, Some("10.0.0.5".parse().unwrap()));
        let begun = runtime::proxy_header::read(&onward.header).unwrap();
        assert!(format!("{begun:?}").contains("10.1.2.3:4444"), "{begun:?}");
        pools.ended(way, Moved::default());
        places.push(onward.to);
    }
    places.dedup();
    assert_eq!(places.len(), 1, "{places:?}");
}

#[test]
fn the_other_member_is_next_when_one_fails_and_counts_end_with_connections() {
    let pools = pools(REFERENCE);
    let mut way = pools.begin(arrival(&pools, 4443, "172.16.0.20:1"));
    let first = pools.next(&mut way).unwrap().to;
    pools.failed(&mut way, &std::io::ErrorKind::ConnectionRefused.into());
    let second = pools.next(&mut way).unwrap().to;
    assert_ne!(first, second);
    assert_eq!(pools.next(&mut way), None);
    let open = || {
        pools.states()[0]
            .1
            .iter()
            .map(|one| one.open)
            .sum::<usize>()
    };
    assert_eq!(open(), 1);
    pools.ended(way, Moved::default());
    assert_eq!(open(), 0);
}

#[test]
fn a_drained_or_dead_member_gets_nothing_new() {
    let pools = pools(REFERENCE);
    assert!(pools.drain("dir01.contoso.net", true) && !pools.drain("fe01.contoso.net", true));
    let place = || {
        let mut way = pools.begin(arrival(&pools, 80, "10.1.2.3:1"));
        pools.next(&mut way).map(|onward| onward.to)
    };
    assert_eq!(place(), Some("10.0.0.12:80".parse().unwrap()));
    pools.found("dir02.contoso.net", Health::Down);
    assert_eq!(place(), None);
    assert!(pools.drain("dir01.contoso.net", false));
    assert_eq!(place(), Some("10.0.0.11:80".parse().unwrap()));
}

#[test]
fn to_whom_a_connection_was_given_and_why_and_why_to_nobody_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let notebook = traces::Notebook::open(folder.path()).unwrap();
    let pools = recorded(REFERENCE, notebook.recorder());
    for member in ["dir01.contoso.net", "dir02.contoso.net"] {
        pools.found(member, Health::Up);
    }
    assert!(pools.drain("dir01.contoso.net", true));
    let mut way = pools.begin(arrival(&pools, 443, "10.1.2.3:4444"));
    pools.next(&mut way).unwrap();
    pools.taken(&mut way);
    pools.ended(way, Moved::default());
    let mut way = pools.begin(arrival(&pools, 4443, "172.16.0.20:1"));
    pools.next(&mut way).unwrap();
    pools.failed(&mut way, &std::io::ErrorKind::ConnectionRefused.into());
    assert_eq!(pools.next(&mut way), None);

    let records = notebook.records();
    let told: Vec<(String, String)> = records
        .iter()
        .filter(|record| record.level <= Level::Info)
        .map(|record| {
            let word = |word: &Option<logs::Value>| word.as_deref().unwrap_or_default().to_owned();
            (word(&record.decision), word(&record.reason))
        })
        .collect();
    let expected = [
        ("drained", "by an operator at the balancer"),
        (
            "dir02.contoso.net",
            "by its source; left out: dir01.contoso.net drained by command",
        ),
        ("unreachable", "connection refused"),
        (
            "none",
            "no member of the pool is there for it: by the least load; left out: dir01.contoso.net drained by command",
        ),
    ];
    assert_eq!(
        told,
        expected.map(|(decision, reason)| (decision.to_owned(), reason.to_owned()))
    );
    let given = &records[1];
    assert_eq!(given.peer.unwrap().to_string(), "10.1.2.3:4444");
    assert_eq!(given.peer_name.as_deref(), Some("dir02.contoso.net"));
    assert_eq!(records[3].peer_name.as_deref(), Some("dir02.contoso.net"));
}
