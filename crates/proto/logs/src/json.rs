//! The JSON form of a record: one object on one line, for programs that read what people search for.
//!
//! Members have the names of the text form's fields ([`crate::line`]); what a record lacks is left out.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::line::transport_name;
use crate::{Direction, Record, Value};

impl Record {
    /// Returns the record as one line of JSON, without its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and numbers with fixed names: there is nothing in a record that JSON cannot say.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &self.time.to_string())?;
        map.serialize_entry("machine", &*self.machine)?;
        map.serialize_entry("component", self.component.name())?;
        map.serialize_entry("level", self.level.name())?;
        map.serialize_entry("flags", &self.flags.names().collect::<Vec<_>>())?;
        optional(&mut map, "corr", self.correlation.map(|id| id.to_string()))?;
        optional(&mut map, "flow", self.flow.map(|id| id.to_string()))?;
        optional(&mut map, "transport", self.transport.map(transport_name))?;
        let direction = self.direction.map(|direction| match direction {
            Direction::In => "in",
            Direction::Out => "out",
        });
        optional(&mut map, "dir", direction)?;
        optional(&mut map, "peer", self.peer)?;
        word(&mut map, "peer-name", self.peer_name.as_ref())?;
        optional(&mut map, "local", self.local)?;
        word(&mut map, "call-id", self.call_id.as_ref())?;
        word(&mut map, "from", self.from.as_ref())?;
        word(&mut map, "to", self.to.as_ref())?;
        word(&mut map, "request", self.request.as_ref())?;
        word(&mut map, "method", self.method.as_ref())?;
        optional(&mut map, "cseq", self.cseq)?;
        optional(&mut map, "status", self.status)?;
        word(&mut map, "decision", self.decision.as_ref())?;
        word(&mut map, "reason", self.reason.as_ref())?;
        let text = (!self.text.is_empty()).then_some(&*self.text);
        optional(&mut map, "text", text)?;
        map.end()
    }
}

fn word<M: SerializeMap>(map: &mut M, name: &str, value: Option<&Value>) -> Result<(), M::Error> {
    optional(map, name, value.map(|value| &**value))
}

fn optional<M: SerializeMap>(
    map: &mut M,
    name: &str,
    value: Option<impl Serialize>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(name, &value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::line::tests::any_record;
    use crate::{Component, Direction, Flags, Level, Record, Time};

    #[test]
    fn what_is_there_is_said_and_nothing_else() {
        let mut record = Record::new(
            Time(0),
            "fe01".into(),
            Component::Web,
            Level::Error,
            Flags::DIAG.with(Flags::HTTP),
        );
        record.direction = Some(Direction::Out);
        record.peer = Some("[::1]:443".parse().unwrap());
        record.status = Some(404);
        record.text = "a \"b\"\nc".into();
        assert_eq!(
            record.to_json(),
            "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"machine\":\"fe01\",\"component\":\"Web\",\
             \"level\":\"Error\",\"flags\":[\"TF_DIAG\",\"TF_HTTP\"],\"dir\":\"out\",\
             \"peer\":\"[::1]:443\",\"status\":404,\"text\":\"a \\\"b\\\"\\nc\\n\"}"
        );
    }

    proptest! {
        #[test]
        fn it_is_always_one_line_of_json(record in any_record()) {
            let json = record.to_json();
            prop_assert!(!json.contains('\n'));
            let back: serde_json::Value = serde_json::from_str(&json).unwrap();
            let call_id = back.get("call-id").and_then(|id| id.as_str());
            prop_assert_eq!(call_id, record.call_id.as_deref());
            prop_assert_eq!(back.get("text").and_then(|text| text.as_str()).unwrap_or(""), &*record.text);
        }
    }
}
