//! Asking the name service outside for a node: its questions to the library, the library's records back.
//!
//! Each worker has a resolver of its own, as its sockets live in the worker's event loop. How long a search may take is
//! the node's to say; the library gives up a question after its own time, and the answer then comes too late for nobody.
//!
//! Bounds: [`MAX_RECORDS`] records of one answer; a node has a bounded number of searches, each with one question at a
//! time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use logs::{Component, Direction, Flags, Level, Value};
use sip::locate::{Answer, Kind, Question, Record};
use traces::Recorder;

const MAX_RECORDS: usize = 64;
/// Those of them that a record of the traces tells.
const TOLD: usize = 8;

/// The name service as a worker reaches it.
#[derive(Clone)]
pub(super) struct Resolver {
    asking: Arc<TokioResolver>,
    recorder: Recorder,
}

impl Resolver {
    /// Asks these servers; without any, those of the system's configuration.
    ///
    /// # Errors
    /// When that cannot be read.
    pub(super) fn new(servers: &[SocketAddr], recorder: Recorder) -> Result<Self, NetError> {
        let builder = if servers.is_empty() {
            TokioResolver::builder_tokio()?
        } else {
            let servers = servers.iter().map(|server| {
                let mut one = NameServerConfig::udp_and_tcp(server.ip());
                for connection in &mut one.connections {
                    connection.port = server.port();
                }
                one
            });
            let config = ResolverConfig::from_name_servers(servers.collect());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let asking = Arc::new(builder.build()?);
        Ok(Self { asking, recorder })
    }

    /// Asks one question.
    pub(super) async fn ask(&self, question: &Question) -> Answer {
        let begun = Instant::now();
        let answer = self.asked(question).await;
        self.tell(question, &answer, begun);
        answer
    }

    fn tell(&self, question: &Question, answer: &Answer, begun: Instant) {
        let (level, decision) = match answer {
            Answer::Records { .. } => (Level::Info, "found"),
            Answer::Nothing => (Level::Info, "nothing"),
            Answer::Failed => (Level::Warning, "failed"),
        };
        self.recorder
            .record(Component::Resolver, level, Flags::DIAG, |record| {
                record.direction = Some(Direction::Out);
                record.request = Some(Value::new(&question.name));
                record.method = Some(
                    match question.kind {
                        Kind::Naptr => "NAPTR",
                        Kind::Srv => "SRV",
                        Kind::Address => "A, AAAA",
                    }
                    .into(),
                );
                record.decision = Some(decision.into());
                let took = begun.elapsed().as_secs_f64() * 1e3;
                let reason = match answer {
                    Answer::Records { records, life } => {
                        let told: Vec<String> = records.iter().take(TOLD).map(in_words).collect();
                        let life = life.as_secs();
                        format!("{}; for {life} s, in {took:.1} ms", told.join(", "))
                    }
                    Answer::Nothing | Answer::Failed => format!("in {took:.1} ms"),
                };
                record.reason = Some(Value::new(&reason));
            });
    }

    async fn asked(&self, question: &Question) -> Answer {
        // A dot at the end: no search list of the machine applies to the names of others.
        let Ok(name) = Name::from_utf8(format!("{}.", question.name)) else {
            return Answer::Nothing;
        };
        match question.kind {
            Kind::Naptr => self.records(name, RecordType::NAPTR).await,
            Kind::Srv => self.records(name, RecordType::SRV).await,
            Kind::Address => self.addresses(name).await,
        }
    }

    async fn records(&self, name: Name, kind: RecordType) -> Answer {
        match self.asking.lookup(name, kind).await {
            Ok(lookup) => {
                let records = lookup.answers().iter();
                let records = records.filter_map(|record| record_of(&record.data));
                answer(records.take(MAX_RECORDS).collect(), lookup.valid_until())
            }
            Err(error) => failure(&error),
        }
    }

    async fn addresses(&self, name: Name) -> Answer {
        match self.asking.lookup_ip(name).await {
            Ok(lookup) => {
                let until = lookup.as_lookup().valid_until();
                let records = lookup.iter().map(Record::Address);
                answer(records.take(MAX_RECORDS).collect(), until)
            }
            Err(error) => failure(&error),
        }
    }
}

fn answer(records: Vec<Record>, until: Instant) -> Answer {
    if records.is_empty() {
        return Answer::Nothing;
    }
    let life = until.saturating_duration_since(Instant::now());
    Answer::Records { records, life }
}

fn failure(error: &NetError) -> Answer {
    if error.is_nx_domain() || error.is_no_records_found() {
        return Answer::Nothing;
    }
    tracing::debug!(%error, "the name service outside does not answer");
    Answer::Failed
}

fn record_of(data: &RData) -> Option<Record> {
    if let RData::SRV(srv) = data {
        return Some(Record::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: text(&srv.target),
        });
    }
    if let RData::NAPTR(naptr) = data {
        return Some(Record::Naptr {
            order: naptr.order,
            preference: naptr.preference,
            service: String::from_utf8_lossy(&naptr.services).into_owned(),
            replacement: text(&naptr.replacement),
        });
    }
    None
}

fn in_words(record: &Record) -> String {
    match record {
        Record::Address(address) => address.to_string(),
        Record::Srv {
            priority,
            weight,
            port,
            target,
        } => format!("{priority} {weight} {target}:{port}"),
        Record::Naptr {
            service,
            replacement,
            ..
        } => format!("{service} {replacement}"),
    }
}

fn text(name: &Name) -> String {
    let text = name.to_lowercase().to_utf8();
    text.trim_end_matches('.').to_owned()
}
