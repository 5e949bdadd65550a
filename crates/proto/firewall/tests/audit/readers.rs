//! Texts that are damaged, and words of rules one by one.

use firewall::audit::{self, Passes};
use firewall::packet::{Packet, SYN, State, protocol};
use firewall::plan::Direction;
use firewall::ruleset::{self, Fault, Ruleset};
use firewall::{AddressSet, Family};

fn fault(text: &str) -> String {
    ruleset::read(text).unwrap_err().to_string()
}

#[test]
fn damaged_texts_are_refused_with_their_place() {
    assert_eq!(
        fault("table inet x { }"),
        "this is neither the output of `nft -j list ruleset` nor that of `iptables-save`"
    );
    assert_eq!(
        fault("{\n \"nftables\": [,]}"),
        "line 2, column 15: this is not JSON"
    );
    assert_eq!(
        fault("{\"ruleset\": []}"),
        "there is no list \"nftables\"; it must be the output of `nft -j list ruleset`"
    );
    let filter = |line: &str| format!("*filter\n:INPUT DROP [0:0]\n{line}\nCOMMIT\n");
    for (line, said) in [
        (
            "-A INPUT -p tcp --dport 70000 -j ACCEPT",
            "line 3: --dport cannot be 70000",
        ),
        (
            "-A INPUT -s 10.0.0.0/33 -j ACCEPT",
            "line 3: -s cannot be 10.0.0.0/33",
        ),
        (
            "-A INPUT -m comment --comment \"x -j DROP",
            "line 3: a quotation mark is not closed",
        ),
        ("-A INPUT -s", "line 3: -s has no value"),
        ("-A OTHER -j DROP", "line 3: chain OTHER is not there"),
        (
            "-A INPUT -j OTHER",
            "line 3 of chain ip filter INPUT leads to OTHER, which is not there",
        ),
        ("INPUT DROP", "line 3: this is no line of `iptables-save`"),
    ] {
        assert_eq!(fault(&filter(line)), said);
    }
    assert_eq!(
        fault("*filter\n:INPUT DROP [0:0]\n"),
        "line 2: the table is not ended by COMMIT"
    );
    assert_eq!(fault("*other\nCOMMIT\n"), "line 1: there is no table other");
    assert_eq!(
        fault("#\n-A INPUT -j DROP\n"),
        "line 2: there is no `*table` line before this one"
    );
}

#[test]
fn jumps_that_lead_back_or_too_deep_are_refused() {
    let back = "*filter\n:INPUT DROP\n:a -\n:b -\n-A INPUT -j a\n-A a -j b\n-A b -j a\nCOMMIT\n";
    assert!(matches!(ruleset::read(back), Err(Fault::JumpsBack { .. })));
    let mut deep = "*filter\n:INPUT DROP\n".to_owned();
    for n in 0..200 {
        deep += &format!(":c{n} -\n");
    }
    for n in 0..199 {
        deep += &format!("-A c{n} -j c{}\n", n + 1);
    }
    let deep = ruleset::read(&(deep + "COMMIT\n"));
    assert!(matches!(deep, Err(Fault::JumpsTooDeep { .. })), "{deep:?}");
}

fn packet(protocol: u8, port: u16) -> Packet {
    Packet {
        family: Family::V4,
        protocol,
        source: "10.0.0.5".parse().unwrap(),
        destination: "10.0.0.11".parse().unwrap(),
        source_port: 40_000,
        destination_port: port,
        flags: SYN,
        state: State::New,
        mark: 0,
        input: "eth0".to_owned(),
        output: String::new(),
    }
}

fn passes(rules: &Ruleset, packet: &Packet) -> Passes {
    let own = [AddressSet::of(Family::V4, [packet.destination])];
    let packets = [packet.clone()];
    audit::verdicts(rules, &own, Direction::In, &packets).unwrap()[0]
}

/// What one option of iptables lets in, by a chain that drops the rest.
fn with_option(option: &str, packet: &Packet) -> Passes {
    let text = format!("*filter\n:INPUT DROP [0:0]\n-A INPUT {option} -j ACCEPT\nCOMMIT\n");
    passes(&ruleset::read(&text).unwrap(), packet)
}

/// Options, and what they say of a segment that opens a connection to 10.0.0.11:5061.
const FOR_TCP: [(&str, Passes); 32] = [
    ("-p tcp -m multiport --dports 80,443,5000:6000", Passes::Yes),
    (
        "-p tcp -m multiport ! --dports 80,443,5000:6000",
        Passes::No,
    ),
    ("-p tcp -m multiport --ports 40000", Passes::Yes),
    ("-p tcp -m tcp --dport :5060", Passes::No),
    ("-p tcp -m tcp --dport 5061:", Passes::Yes),
    ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", Passes::Yes),
    (
        "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN",
        Passes::No,
    ),
    ("-p udp -m udp --dport 5061", Passes::No),
    ("! -p udp", Passes::Yes),
    ("-s 10.0.0.0/255.255.255.0", Passes::Yes),
    ("! -s 10.0.0.0/24", Passes::No),
    ("-m iprange --src-range 10.0.0.1-10.0.0.5", Passes::Yes),
    ("-m iprange ! --src-range 10.0.0.1-10.0.0.5", Passes::No),
    ("-i eth+", Passes::Yes),
    ("! -i eth0", Passes::No),
    ("-m conntrack --ctstate RELATED,ESTABLISHED", Passes::No),
    ("-m state ! --state ESTABLISHED", Passes::Yes),
    ("-m mark --mark 0x0/0xff", Passes::Yes),
    ("-m mark --mark 0x1", Passes::No),
    ("-m addrtype --dst-type LOCAL", Passes::Yes),
    ("-m addrtype --src-type LOCAL", Passes::CannotBeTold),
    ("-m addrtype --dst-type MULTICAST", Passes::No),
    ("-m limit --limit 3/min", Passes::Yes),
    (
        "-m hashlimit --hashlimit-above 5/sec --hashlimit-name x",
        Passes::No,
    ),
    (
        "-m hashlimit --hashlimit-upto 5/sec --hashlimit-name x",
        Passes::Yes,
    ),
    (
        "-m connlimit --connlimit-above 5 --connlimit-mask 32",
        Passes::No,
    ),
    ("-m recent --set --name x", Passes::Yes),
    (
        "-m mac --mac-source 00:11:22:33:44:55",
        Passes::CannotBeTold,
    ),
    ("-m set --match-set x src", Passes::CannotBeTold),
    ("-m owner ! --uid-owner 0", Passes::CannotBeTold),
    ("-m comment --comment \"-j DROP\"", Passes::Yes),
    ("-f", Passes::No),
];

/// Options, and what they say of an echo request.
const FOR_PING: [(&str, Passes); 6] = [
    ("-p icmp -m icmp --icmp-type 8", Passes::Yes),
    ("-p icmp -m icmp --icmp-type 8/1", Passes::No),
    ("-p icmp -m icmp --icmp-type echo-request", Passes::Yes),
    ("-p icmp -m icmp ! --icmp-type 8", Passes::No),
    ("-p icmp -m icmp --icmp-type port-unreachable", Passes::No),
    ("-p icmp", Passes::Yes),
];

#[test]
fn options_of_iptables_mean_what_the_manual_says() {
    let tcp = packet(protocol::TCP, 5061);
    let ping = Packet {
        source_port: 0,
        ..packet(protocol::ICMP, 8)
    };
    for (option, expected) in FOR_TCP {
        assert_eq!(with_option(option, &tcp), expected, "{option}");
    }
    for (option, expected) in FOR_PING {
        assert_eq!(with_option(option, &ping), expected, "{option}");
    }
}

/// Rules of nft that are beyond the model are named, and decide nothing for packets that do not come to them.
#[test]
fn what_is_beyond_the_model_is_named() {
    let rules = |expression: &str| {
        let text = format!(
            r#"{{"nftables": [
            {{"chain": {{"family": "inet", "table": "t", "name": "c", "hook": "input", "prio": 0, "policy": "drop"}}}},
            {{"rule": {{"family": "inet", "table": "t", "chain": "c", "handle": 1, "expr": [
                {{"match": {{"op": "==", "left": {{"payload": {{"protocol": "tcp", "field": "dport"}}}}, "right": 5061}}}},
                {expression}]}}}}]}}"#
        );
        ruleset::read(&text).unwrap()
    };
    for expression in [
        r#"{"queue": {"num": 0}}"#,
        r#"{"something new": {"of": 2040}}, {"accept": null}"#,
        r#"{"match": {"op": "==", "left": {"meta": {"key": "skuid"}}, "right": 0}}, {"accept": null}"#,
        r#"{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": {"another": 1}}}, {"accept": null}"#,
        r#"{"match": {"op": "==", "left": {"socket": {"key": "transparent"}}, "right": 1}}, {"accept": null}"#,
        r#"{"vmap": {"key": {"meta": {"key": "mark"}}, "data": "@nowhere"}}"#,
        r#"{"xt": {"type": "match", "name": "bpf"}}, {"accept": null}"#,
        r#"{"dnat": {"addr": "10.0.0.12"}}"#,
    ] {
        let rules = rules(expression);
        let told = passes(&rules, &packet(protocol::TCP, 5061));
        assert_eq!(told, Passes::CannotBeTold, "{expression}");
        assert_eq!(
            passes(&rules, &packet(protocol::TCP, 5062)),
            Passes::No,
            "{expression}"
        );
    }
}

#[test]
fn tables_of_other_families_are_named() {
    let text = r#"{"nftables": [
        {"table": {"family": "netdev", "name": "early", "handle": 1}},
        {"chain": {"family": "netdev", "table": "early", "name": "in", "hook": "ingress", "prio": 0, "policy": "drop"}},
        {"rule": {"family": "netdev", "table": "early", "chain": "in", "handle": 2, "expr": [{"drop": null}]}}]}"#;
    let rules = ruleset::read(text).unwrap();
    assert!(rules.is_empty());
    assert_eq!(rules.notes()[0].what, "table netdev early");
}
