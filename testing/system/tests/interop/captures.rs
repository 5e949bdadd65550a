//! Exported records, read by programs that are not ours: Wireshark's `tshark` and Kamailio's collector of HEP.

use std::net::UdpSocket;

use base::net::Transport;
use export::{Message, hep, pcapng};
use logs::redact::{self, Bodies};
use logs::{Component, Correlation, Direction, Flags, Level, Record, Time};
use system::block::Block;
use system::collector::Collector;
use system::needs::{Need, are_met};
use system::tshark;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 10.0.0.7\r\ns=-\r\nc=IN IP4 10.0.0.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";

/// A message as it is on the wire.
fn sip(first: &str, call_id: &str, cseq: &str, body: &str) -> String {
    let kind = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    format!(
        "{first}\r\nVia: SIP/2.0/TLS 10.0.0.7:50123;branch=z9hG4bK{call_id};hid=SECRET\r\nMax-Forwards: 70\r\n\
         From: \"Alice\" <sip:alice@contoso.com>;tag=1\r\nTo: <sip:bob@contoso.com>;tag=2\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq}\r\nContact: <sip:alice@10.0.0.7:50123;ticket=SECRET>\r\n\
         Proxy-Authorization: Digest username=\"alice\", realm=\"contoso.com\", nonce=\"SECRET\", uri=\"sip:b\", \
         response=\"SECRET\"\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

struct Hop {
    machine: &'static str,
    direction: Direction,
    transport: Transport,
    local: &'static str,
    peer: &'static str,
}

fn record(hop: &Hop, text: &str, bodies: Bodies) -> Record {
    let (kind, level) = (Component::SipStack, Level::Info);
    let time = Time(1_790_000_000_123_456);
    let mut record = Record::new(time, hop.machine.into(), kind, level, Flags::PROTOCOL);
    record.direction = Some(hop.direction);
    record.transport = Some(hop.transport);
    record.local = Some(hop.local.parse().unwrap());
    record.peer = Some(hop.peer.parse().unwrap());
    record.call_id = Some("call-1".into());
    record.cseq = Some(1);
    record.correlation = Some(Correlation(0xabc));
    record.text = redact::message(text, bodies);
    record
}

/// Every transport, both families, ports that Wireshark knows for other protocols, bodies kept and left out, a long message.
fn records() -> Vec<Record> {
    let hop = |machine, direction, transport, local, peer| Hop {
        machine,
        direction,
        transport,
        local,
        peer,
    };
    let (inn, out) = (Direction::In, Direction::Out);
    let edge = hop(
        "edge01.contoso.net",
        inn,
        Transport::Tls,
        "192.0.2.5:443",
        "198.51.100.7:50123",
    );
    let inside = hop(
        "edge01.contoso.net",
        out,
        Transport::Tls,
        "[2001:db8::5]:40001",
        "[2001:db8::11]:5061",
    );
    let plain = hop(
        "fe01.contoso.net",
        out,
        Transport::Udp,
        "10.0.0.21:5060",
        "10.0.3.1:53",
    );
    let tcp = hop(
        "fe01.contoso.net",
        inn,
        Transport::Tcp,
        "10.0.0.21:5060",
        "10.0.3.1:80",
    );
    let invite = sip(
        "INVITE sip:bob@contoso.com SIP/2.0",
        "call-1",
        "1 INVITE",
        SDP,
    );
    let mut decided = record(&inside, "", Bodies::Drop);
    decided.component = Component::Routing;
    decided.decision = Some("forwarded".into());
    decided.reason = Some("bob's home is \"fepool01\" <here> & nowhere else".into());
    let long = format!(
        "MESSAGE sip:bob@contoso.com SIP/2.0\r\nSubject: {}",
        "x".repeat(40_000)
    );
    vec![
        record(&edge, &invite, Bodies::Drop),
        decided,
        record(&inside, &invite, Bodies::Keep),
        record(
            &plain,
            &sip("SIP/2.0 180 Ringing", "call-1", "1 INVITE", ""),
            Bodies::Drop,
        ),
        record(
            &tcp,
            &sip("SIP/2.0 486 Busy Here", "call-1", "1 INVITE", ""),
            Bodies::Drop,
        ),
        record(
            &inside,
            &sip(&long, "call-2", "7 MESSAGE", ""),
            Bodies::Drop,
        ),
    ]
}

#[test]
fn wireshark_reads_every_message_of_a_capture_as_sip() {
    let name = "wireshark_reads_every_message_of_a_capture_as_sip";
    if !are_met(name, &[Need::Program("tshark")]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (records, mut bytes) = (records(), Vec::new());
    let mut capture = pcapng::Capture::begin(&mut bytes);
    for record in &records {
        assert!(capture.add(record, &mut bytes));
    }
    assert_eq!(capture.decisions_lost(), 0);
    let file = folder.path().join("calls.pcapng");
    std::fs::write(&file, bytes).unwrap();

    let all = [
        "frame.interface_name",
        "sip.Method",
        "sip.Status-Code",
        "sip.Call-ID",
        "sip.CSeq",
        "frame.time_epoch",
    ];
    let read = tshark::fields(&file, "sip", &all).unwrap();
    let time = "1790000000.123456000";
    let (edge, fe) = ("edge01.contoso.net", "fe01.contoso.net");
    assert_eq!(
        read,
        [
            [edge, "INVITE", "", "call-1", "1 INVITE", time],
            [edge, "INVITE", "", "call-1", "1 INVITE", time],
            [fe, "", "180", "call-1", "1 INVITE", time],
            [fe, "", "486", "call-1", "1 INVITE", time],
            [edge, "MESSAGE", "", "call-2", "7 MESSAGE", time],
        ]
    );
    let ends = [
        "exported_pdu.ipv4_src",
        "exported_pdu.ipv6_dst",
        "exported_pdu.dst_port",
        "exported_pdu.port_type",
    ];
    let ends = tshark::fields(&file, "sip", &ends).unwrap();
    assert_eq!(ends[0], ["198.51.100.7", "", "443", "2"]);
    assert_eq!(ends[1], ["", "2001:db8::11", "5061", "2"]);
    assert_eq!(ends[2], ["10.0.0.21", "", "53", "3"]);
    // Severities: warnings and errors.
    let faults =
        "_ws.malformed || _ws.expert.severity == 6291456 || _ws.expert.severity == 8388608";
    let faults = tshark::fields(&file, faults, &["frame.number", "_ws.expert.message"]).unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    let comment =
        "edge01.contoso.net: Routing forwarded: bob's home is \"fepool01\" <here> & nowhere else";
    let comments = tshark::fields(&file, "sip", &["frame.comment"]).unwrap();
    assert!(comments[1][0].starts_with(comment), "{}", comments[1][0]);
    assert!(
        comments[0][0].ends_with("bytes of the message were not recorded"),
        "{}",
        comments[0][0]
    );
    let body = tshark::fields(&file, "sdp", &["sdp.media"]).unwrap();
    assert_eq!(
        body,
        [["audio 4000 RTP/AVP 0"]],
        "the body that was kept, and no other"
    );

    let messages: Vec<Vec<u8>> = records
        .iter()
        .filter_map(Message::of)
        .map(|one| one.bytes)
        .collect();
    assert_eq!(tshark::bytes(&file, "sip").unwrap(), messages);
    assert!(
        messages
            .iter()
            .all(|bytes| !bytes.windows(6).any(|word| word == b"SECRET"))
    );
}

#[test]
fn a_collector_of_hep_reads_each_message() {
    let name = "a_collector_of_hep_reads_each_message";
    if !are_met(name, &[Need::Program("kamailio")]) {
        return;
    }
    let (folder, block) = (tempfile::tempdir().unwrap(), Block::take());
    let collector = Collector::start(folder.path(), block.address(1)).unwrap();
    let socket = UdpSocket::bind((block.address(2), 0)).unwrap();
    let sender = hep::Sender {
        id: 2001,
        key: None,
    };
    for record in records() {
        let Some(message) = Message::of(&record) else {
            continue;
        };
        let mut packet = Vec::new();
        assert!(!hep::write(&message, &sender, &mut packet));
        socket.send_to(&packet, collector.address).unwrap();
        // A log line of Kamailio has 4 KiB at most.
        let digits = message
            .bytes
            .iter()
            .take(1500)
            .map(|byte| format!("{byte:02x}"));
        let (method, ci) = match message.bytes.split(|byte| *byte == b' ').next() {
            Some(b"MESSAGE") => ("request MESSAGE", "call-2"),
            Some(b"INVITE") => ("request INVITE", "call-1"),
            _ if message.bytes.starts_with(b"SIP/2.0 180") => ("answer 180 INVITE", "call-1"),
            _ => ("answer 486 INVITE", "call-1"),
        };
        let said = format!(
            "{method} {ci} from {}:{}: ",
            bare(message.from.ip()),
            message.from.port()
        );
        collector.wait_for(&said).unwrap();
        if message.bytes.len() < 1500 {
            collector
                .wait_for(&format!("{said}{}", digits.collect::<String>()))
                .unwrap();
        }
    }
}

/// As Kamailio spells an address.
fn bare(ip: std::net::IpAddr) -> String {
    match ip {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => {
            let parts = ip.segments().map(|part| format!("{part:x}"));
            parts.join(":").replace(":0:0:0:0:0:", "::")
        }
    }
}
