//! What a message says, in words for people: for whoever takes note of it, away from the path of an answer.

use hickory_proto::op::Message;

use crate::client::word;

/// The most records of an answer that are told.
const RECORDS_MOST: usize = 16;

/// A message in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The name that is asked for, in lower case and without the last dot.
    pub name: String,
    /// The type, as `SRV`.
    pub kind: String,
    /// What came of it, as `NOERROR`; of a question it says nothing.
    pub code: String,
    /// The records of the answer, each as `A 10.0.0.11`.
    pub answers: Vec<String>,
}

/// Reads a message, a question or an answer to one; `None` if it is not well formed or asks nothing.
#[must_use]
pub fn told(message: &[u8]) -> Option<Told> {
    let message = Message::from_vec(message).ok()?;
    let asked = message.queries.first()?;
    let name = asked.name().to_lowercase().to_utf8();
    let answers = message.answers.iter().take(RECORDS_MOST);
    let answers = answers.map(|record| format!("{} {}", record.record_type(), record.data));
    Some(Told {
        name: name.trim_end_matches('.').to_owned(),
        kind: asked.query_type().to_string(),
        code: word(message.metadata.response_code),
        answers: answers.collect(),
    })
}
