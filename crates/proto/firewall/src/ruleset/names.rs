//! The names that packet filters print in place of numbers.

/// Returns the number of a protocol above IP.
pub(super) fn protocol(name: &str) -> Option<u128> {
    let known = [
        ("hopopt", 0),
        ("icmp", 1),
        ("igmp", 2),
        ("ipencap", 4),
        ("ipip", 4),
        ("tcp", 6),
        ("egp", 8),
        ("igp", 9),
        ("udp", 17),
        ("dccp", 33),
        ("ipv6", 41),
        ("ipv6-route", 43),
        ("ipv6-frag", 44),
        ("rsvp", 46),
        ("gre", 47),
        ("esp", 50),
        ("ah", 51),
        ("ipv6-icmp", 58),
        ("icmpv6", 58),
        ("icmp6", 58),
        ("ipv6-nonxt", 59),
        ("ipv6-opts", 60),
        ("eigrp", 88),
        ("ospf", 89),
        ("ospfigp", 89),
        ("pim", 103),
        ("ipcomp", 108),
        ("comp", 108),
        ("vrrp", 112),
        ("l2tp", 115),
        ("sctp", 132),
        ("mobility-header", 135),
        ("mh", 135),
        ("udplite", 136),
        ("hip", 139),
        ("shim6", 140),
    ];
    number(&known, name)
}

/// Returns the number of a type of ICMP message.
pub(super) fn icmp_type(name: &str) -> Option<u128> {
    let known = [
        ("echo-reply", 0),
        ("pong", 0),
        ("destination-unreachable", 3),
        ("source-quench", 4),
        ("redirect", 5),
        ("echo-request", 8),
        ("ping", 8),
        ("router-advertisement", 9),
        ("router-solicitation", 10),
        ("time-exceeded", 11),
        ("ttl-exceeded", 11),
        ("parameter-problem", 12),
        ("timestamp-request", 13),
        ("timestamp-reply", 14),
        ("info-request", 15),
        ("info-reply", 16),
        ("address-mask-request", 17),
        ("address-mask-reply", 18),
    ];
    number(&known, name)
}

/// Returns the number of a code of "destination unreachable".
pub(super) fn icmp_code(name: &str) -> Option<u128> {
    let known = [
        ("net-unreachable", 0),
        ("host-unreachable", 1),
        ("prot-unreachable", 2),
        ("port-unreachable", 3),
        ("frag-needed", 4),
        ("net-prohibited", 9),
        ("host-prohibited", 10),
        ("admin-prohibited", 13),
    ];
    number(&known, name)
}

/// Returns the number of a type of ICMPv6 message.
pub(super) fn icmpv6_type(name: &str) -> Option<u128> {
    let known = [
        ("destination-unreachable", 1),
        ("packet-too-big", 2),
        ("time-exceeded", 3),
        ("ttl-exceeded", 3),
        ("parameter-problem", 4),
        ("echo-request", 128),
        ("echo-reply", 129),
        ("mld-listener-query", 130),
        ("mld-listener-report", 131),
        ("mld-listener-done", 132),
        ("mld-listener-reduction", 132),
        ("nd-router-solicit", 133),
        ("router-solicitation", 133),
        ("nd-router-advert", 134),
        ("router-advertisement", 134),
        ("nd-neighbor-solicit", 135),
        ("neighbour-solicitation", 135),
        ("neighbor-solicitation", 135),
        ("nd-neighbor-advert", 136),
        ("neighbour-advertisement", 136),
        ("neighbor-advertisement", 136),
        ("nd-redirect", 137),
        ("redirect", 137),
        ("router-renumbering", 138),
        ("ind-neighbor-solicit", 141),
        ("ind-neighbor-advert", 142),
        ("mld2-listener-report", 143),
    ];
    number(&known, name)
}

/// Returns the number of a code of the ICMPv6 message "destination unreachable".
pub(super) fn icmpv6_code(name: &str) -> Option<u128> {
    let known = [
        ("no-route", 0),
        ("admin-prohibited", 1),
        ("addr-unreachable", 3),
        ("port-unreachable", 4),
        ("policy-fail", 5),
        ("reject-route", 6),
    ];
    number(&known, name)
}

/// Returns the bit of a TCP flag, in any case.
pub(super) fn tcp_flag(name: &str) -> Option<u128> {
    let known = [
        ("fin", 0x01),
        ("syn", 0x02),
        ("rst", 0x04),
        ("psh", 0x08),
        ("ack", 0x10),
        ("urg", 0x20),
        ("ecn", 0x40),
        ("cwr", 0x80),
        ("none", 0),
        ("all", 0x3F),
    ];
    number(&known, &name.to_ascii_lowercase())
}

fn number(known: &[(&str, u128)], name: &str) -> Option<u128> {
    let found = known.iter().find(|(known, _)| *known == name);
    found.map(|(_, number)| *number)
}
