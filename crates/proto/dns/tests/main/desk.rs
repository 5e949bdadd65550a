//! A small deployment, and somebody who asks it.

use std::net::IpAddr;

use base::net::{Face, Transport};
use base::random::Random;
use dns::{AllUp, Data, Health, Origin, Query, Record, Reply, Zone};
use hickory_proto::op::{Message, MessageType, OpCode};
use hickory_proto::rr::{Name, RecordType};

/// A question and how it is put.
pub(crate) struct Ask {
    pub(crate) message: Message,
    pub(crate) face: Face,
    pub(crate) transport: Transport,
}

impl Ask {
    /// Prepares a question from inside over UDP, without options.
    pub(crate) fn inside(name: &str, kind: RecordType) -> Self {
        let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(hickory_proto::op::Query::query(name_of(name), kind));
        Self {
            message,
            face: Face::Inside,
            transport: Transport::Udp,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.message.to_vec().unwrap()
    }

    pub(crate) fn of(&self, zone: &Zone) -> (Reply, Message) {
        self.with(zone, &AllUp)
    }

    pub(crate) fn with(&self, zone: &Zone, health: &dyn Health) -> (Reply, Message) {
        let bytes = self.bytes();
        let query = Query {
            bytes: &bytes,
            face: self.face,
            transport: self.transport,
        };
        let reply = zone
            .answer(query, health, &mut Random::new([7; 32]))
            .unwrap();
        let message = Message::from_vec(&reply.bytes).unwrap();
        (reply, message)
    }
}

pub(crate) fn name_of(name: &str) -> Name {
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    name
}

/// Returns the addresses in the answers, sorted.
pub(crate) fn addresses(message: &Message) -> Vec<String> {
    let found = message
        .answers
        .iter()
        .filter_map(|record| record.data.ip_addr());
    let mut found: Vec<IpAddr> = found.collect();
    found.sort_unstable();
    found.iter().map(ToString::to_string).collect()
}

pub(crate) fn origin(face: Face, name: &str) -> Origin {
    let servers = match face {
        Face::Inside => vec!["dns01.contoso.net".to_owned()],
        Face::Outside => Vec::new(),
    };
    Origin {
        face,
        name: name.to_owned(),
        servers,
        negative_ttl: 30,
    }
}

pub(crate) fn record(face: Face, name: &str, data: Data) -> Record {
    Record {
        face,
        name: name.to_owned(),
        ttl: 60,
        data,
    }
}

pub(crate) fn address(name: &str, address: &str) -> Record {
    record(Face::Inside, name, Data::Address(address.parse().unwrap()))
}

pub(crate) fn service(face: Face, name: &str, port: u16, target: &str) -> Record {
    let data = Data::Service {
        priority: 0,
        weight: 0,
        port,
        target: target.to_owned(),
    };
    record(face, name, data)
}

/// Two Directors and a Front End inside, an Edge outside.
pub(crate) fn contoso() -> Zone {
    let alias =
        |name: &str, target: &str| record(Face::Inside, name, Data::Alias(target.to_owned()));
    let outside = Data::Address("203.0.113.10".parse().unwrap());
    let records = [
        address("dns01.contoso.net", "10.0.0.53"),
        address("dirpool01.contoso.net", "10.0.0.11"),
        address("dirpool01.contoso.net", "10.0.0.12"),
        address("dirpool01.contoso.net", "fd00::11"),
        address("sip.contoso.com", "10.0.0.11"),
        address("sip.contoso.com", "10.0.0.12"),
        service(
            Face::Inside,
            "_sipinternaltls._tcp.contoso.com",
            5061,
            "sip.contoso.com",
        ),
        alias("old.contoso.com", "sip.contoso.com"),
        alias("gone.contoso.com", "nowhere.contoso.com"),
        alias("away.contoso.com", "www.example.org"),
        alias("round.contoso.com", "round.contoso.com"),
        record(
            Face::Inside,
            "about.contoso.com",
            Data::Text(vec!["a".to_owned(), "b".to_owned()]),
        ),
        record(Face::Outside, "sip.contoso.com", outside),
        service(
            Face::Outside,
            "_sip._tls.contoso.com",
            443,
            "sip.contoso.com",
        ),
    ];
    let origins = [
        origin(Face::Inside, "contoso.com"),
        origin(Face::Inside, "contoso.net"),
        origin(Face::Outside, "contoso.com"),
    ];
    Zone::new(origins, records).unwrap()
}
