//! Which call flows there are in records, to choose from.

use std::collections::BTreeMap;

use logs::{Record, Time, Value};
use serde::Serialize;

use crate::message::Message;
use crate::words::{label, plain, spoken};

/// So many flows are listed, the newest.
pub const MOST_FLOWS: usize = 1000;

/// One flow: everything with one Call-ID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Flow {
    /// Its Call-ID.
    #[serde(serialize_with = "as_str")]
    pub call_id: Value,
    /// When it began, by the clock of the first machine that recorded it.
    #[serde(serialize_with = "as_text")]
    pub began: Time,
    /// What is asked for: the method of the first request.
    pub method: String,
    /// Who asks.
    pub from: String,
    /// Who is asked for.
    pub to: String,
    /// The last final answer that is recorded, `401 Unauthorized`.
    pub answer: Option<String>,
    /// How many records it has.
    pub records: usize,
}

/// Lists the flows in records, newest last.
#[must_use]
pub fn flows<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Flow> {
    let mut found: BTreeMap<&Value, Draft<'_>> = BTreeMap::new();
    for record in records {
        if let Some(id) = &record.call_id {
            found.entry(id).or_default().take(record);
        }
    }
    let mut flows: Vec<Flow> = found
        .into_iter()
        .filter_map(|(id, draft)| draft.finish(id))
        .collect();
    flows.sort_by(|a, b| (a.began, &a.call_id).cmp(&(b.began, &b.call_id)));
    flows.split_off(flows.len().saturating_sub(MOST_FLOWS))
}

#[derive(Default)]
struct Draft<'a> {
    first: Option<&'a Record>,
    request: Option<&'a Record>,
    /// The newest final answer by method: a BYE's is not the call's.
    answers: BTreeMap<&'a str, &'a Record>,
    records: usize,
}

impl<'a> Draft<'a> {
    fn take(&mut self, record: &'a Record) {
        self.records += 1;
        let is_older = |other: &Option<&Record>| other.is_none_or(|other| record.time < other.time);
        if is_older(&self.first) {
            self.first = Some(record);
        }
        if Message::of(record).is_none() {
            return;
        }
        match record.status {
            None if is_older(&self.request) => self.request = Some(record),
            Some(200..) => {
                let method = record.method.as_deref().unwrap_or_default();
                let newest = self.answers.entry(method).or_insert(record);
                if record.time >= newest.time {
                    *newest = record;
                }
            }
            _ => {}
        }
    }

    fn finish(self, id: &Value) -> Option<Flow> {
        let first = self.first?;
        let told = self.request.unwrap_or(first);
        let name = |uri: &Option<Value>| {
            uri.as_deref()
                .map(|uri| plain(spoken(uri)))
                .unwrap_or_default()
        };
        Some(Flow {
            call_id: id.clone(),
            began: first.time,
            method: told.method.as_deref().map(plain).unwrap_or_default(),
            from: name(&told.from),
            to: name(&told.to),
            answer: told
                .method
                .as_deref()
                .and_then(|method| self.answers.get(method))
                .map(|record| label(record)),
            records: self.records,
        })
    }
}

fn as_text<S: serde::Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn as_str<S: serde::Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value)
}
