//! OpenTelemetry logs: `ExportLogsServiceRequest` in its JSON encoding, as collectors take it at `/v1/logs` and write it to files.
//!
//! A machine is a resource (`service.name` is `vestibule`, `host.name` its FQDN), a component a scope, a record a log record: the
//! text is the body, what the head says are attributes. The correlation is the lower half of the trace id, so that what
//! several machines say of one request stands together. In JSON, 64-bit numbers are strings and ids are hexadecimal.
//!
//! Bounds: [`MOST_RECORDS`] and [`MOST_BYTES`] of a request.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base::net::Transport;
use logs::{Component, Direction, Level, Record, Value};
use serde_json::{Value as Json, json};

/// So many records go into one request at most.
pub const MOST_RECORDS: usize = 1000;
/// A request is ended when its records have so many bytes.
pub const MOST_BYTES: usize = 1 << 20;

/// Records that will be one request.
#[derive(Debug, Default)]
pub struct Batch {
    machines: BTreeMap<Value, BTreeMap<Component, Vec<Json>>>,
    records: usize,
    bytes: usize,
}

impl Batch {
    /// Adds a record.
    pub fn add(&mut self, record: &Record) {
        self.records += 1;
        self.bytes += record.weight();
        let machine = self.machines.entry(record.machine.clone()).or_default();
        machine
            .entry(record.component)
            .or_default()
            .push(log(record));
    }

    /// Returns how many records it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.records
    }

    /// Tells whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Tells whether it should be sent before more is added.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.records >= MOST_RECORDS || self.bytes >= MOST_BYTES
    }

    /// Ends it: one line of JSON, without its end. It is empty again.
    #[must_use]
    pub fn take(&mut self) -> String {
        let batch = std::mem::take(self);
        let machines = batch.machines.into_iter().map(|(machine, components)| {
            let scopes = components.into_iter().map(|(component, logs)| {
                json!({ "scope": { "name": component.name() }, "logRecords": logs })
            });
            let attributes = [
                text("service.name", "vestibule"),
                text("host.name", &machine),
            ];
            json!({
                "resource": { "attributes": attributes },
                "scopeLogs": scopes.collect::<Vec<_>>(),
            })
        });
        json!({ "resourceLogs": machines.collect::<Vec<_>>() }).to_string()
    }
}

fn log(record: &Record) -> Json {
    let nanos = record.time.0.saturating_mul(1000).to_string();
    let number = severity(record.level);
    let mut log = json!({
        "timeUnixNano": nanos,
        "observedTimeUnixNano": nanos,
        "severityNumber": number,
        "severityText": record.level.name(),
        "body": { "stringValue": body(record) },
        "attributes": attributes(record),
    });
    // A trace id of nothing but zeros is none.
    let correlation = record.correlation.filter(|correlation| correlation.0 != 0);
    if let (Some(correlation), Some(log)) = (correlation, log.as_object_mut()) {
        log.insert(
            "traceId".to_owned(),
            format!("{:032x}", correlation.0).into(),
        );
    }
    log
}

/// The message; of a record without one, what was decided.
fn body(record: &Record) -> String {
    if !record.text.is_empty() {
        return record.text.to_string();
    }
    let words = [&record.decision, &record.reason];
    let words: Vec<&str> = words.into_iter().flatten().map(|word| &**word).collect();
    words.join(": ")
}

/// The number of a level in the OpenTelemetry data model: FATAL, ERROR, WARN, INFO, DEBUG, TRACE.
const fn severity(level: Level) -> u8 {
    match level {
        Level::Fatal => 21,
        Level::Error => 17,
        Level::Warning => 13,
        Level::Info => 9,
        Level::Verbose => 5,
        Level::Debug => 1,
    }
}

/// What the head says. Names are those of the semantic conventions where there are any.
fn attributes(record: &Record) -> Vec<Json> {
    let mut out = Vec::new();
    let transport = record.transport.map(|transport| match transport {
        Transport::Udp => "udp",
        Transport::Tcp | Transport::Tls => "tcp",
    });
    let direction = record.direction.map(|direction| match direction {
        Direction::In => "receive",
        Direction::Out => "transmit",
    });
    out.extend(transport.map(|name| text("network.transport", name)));
    if record.transport == Some(Transport::Tls) {
        out.push(text("network.protocol.name", "tls"));
    }
    out.extend(direction.map(|name| text("network.io.direction", name)));
    address(&mut out, "network.peer", record.peer);
    address(&mut out, "network.local", record.local);
    let words = [
        ("vestibule.peer.name", &record.peer_name),
        ("sip.call_id", &record.call_id),
        ("sip.from", &record.from),
        ("sip.to", &record.to),
        ("vestibule.request", &record.request),
        ("vestibule.method", &record.method),
        ("vestibule.decision", &record.decision),
        ("vestibule.reason", &record.reason),
    ];
    for (key, word) in words {
        out.extend(word.as_ref().map(|word| text(key, word)));
    }
    out.extend(record.cseq.map(|cseq| number("sip.cseq", cseq.into())));
    out.extend(
        record
            .status
            .map(|status| number("vestibule.status", status.into())),
    );
    out.extend(
        record
            .flow
            .map(|flow| text("vestibule.flow", &flow.to_string())),
    );
    out.push(text("vestibule.flags", &record.flags.to_string()));
    out
}

fn address(out: &mut Vec<Json>, name: &str, address: Option<SocketAddr>) {
    if let Some(address) = address {
        out.push(text(&format!("{name}.address"), &address.ip().to_string()));
        out.push(number(&format!("{name}.port"), address.port().into()));
    }
}

fn text(key: &str, value: &str) -> Json {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: u64) -> Json {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

#[cfg(test)]
mod tests {
    use logs::{Component, Correlation, Flags, Level, Record, Time};
    use serde_json::{Value as Json, json};

    use super::{Batch, MOST_RECORDS};

    fn record(level: Level) -> Record {
        let mut record = Record::new(
            Time(1_790_000_000_123_456),
            "fe01.example.com".into(),
            Component::Routing,
            level,
            Flags::COMPONENT,
        );
        record.correlation = Some(Correlation(0xabc));
        record.decision = Some("unreachable".into());
        record.reason = Some("no phone".into());
        record.peer = Some("[2001:db8::1]:5061".parse().unwrap());
        record.cseq = Some(7);
        record
    }

    #[test]
    fn a_record_is_a_log_record_of_its_machine() {
        let mut batch = Batch::default();
        batch.add(&record(Level::Warning));
        let json: Json = serde_json::from_str(&batch.take()).unwrap();
        assert!(batch.is_empty());
        assert_eq!(
            json,
            json!({ "resourceLogs": [{
                "resource": { "attributes": [
                    { "key": "service.name", "value": { "stringValue": "vestibule" } },
                    { "key": "host.name", "value": { "stringValue": "fe01.example.com" } },
                ] },
                "scopeLogs": [{
                    "scope": { "name": "Routing" },
                    "logRecords": [{
                        "timeUnixNano": "1790000000123456000",
                        "observedTimeUnixNano": "1790000000123456000",
                        "severityNumber": 13,
                        "severityText": "Warning",
                        "traceId": "00000000000000000000000000000abc",
                        "body": { "stringValue": "unreachable: no phone" },
                        "attributes": [
                            { "key": "network.peer.address", "value": { "stringValue": "2001:db8::1" } },
                            { "key": "network.peer.port", "value": { "intValue": "5061" } },
                            { "key": "vestibule.decision", "value": { "stringValue": "unreachable" } },
                            { "key": "vestibule.reason", "value": { "stringValue": "no phone" } },
                            { "key": "sip.cseq", "value": { "intValue": "7" } },
                            { "key": "vestibule.flags", "value": { "stringValue": "TF_COMPONENT" } },
                        ],
                    }],
                }],
            }] })
        );
    }

    #[test]
    fn severities_are_in_the_order_of_levels() {
        let numbers = Level::ALL.iter().map(|level| super::severity(*level));
        assert!(
            numbers
                .collect::<Vec<_>>()
                .windows(2)
                .all(|pair| pair[0] > pair[1])
        );
    }

    #[test]
    fn a_batch_is_full_at_its_bound() {
        let mut batch = Batch::default();
        for _ in 0..MOST_RECORDS {
            assert!(!batch.is_full());
            batch.add(&record(Level::Info));
        }
        assert!(batch.is_full());
        assert_eq!(batch.len(), MOST_RECORDS);
    }
}
