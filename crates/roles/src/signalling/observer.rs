//! What the nodes let be seen, as records of the machine's traces.
//!
//! A worker only copies the bytes of a message and hands them over; they are read, and freed of their secrets, on the
//! thread that writes. At the level `Info` a message that we send to a machine of ours is kept without its text: that one has it, and
//! its fields say what it is. Whoever looks closely (`Verbose`) gets all texts.

mod flows;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use logs::redact::{self, Bodies};
use logs::{Capture, Component, Correlation, Direction, Flags, Level, Record, Value};
use sip::msg::{Limits, Message};
use sip::observe::{End, Grade, Observing, Remark, Sight, Subject, Topic, Way};
use traces::Recorder;

pub(super) use flows::Flows;

/// Makes records of what one worker's node lets be seen.
pub(super) struct Observer {
    recorder: Recorder,
    flows: Arc<Flows>,
}

impl Observer {
    pub(super) const fn new(recorder: Recorder, flows: Arc<Flows>) -> Self {
        Self { recorder, flows }
    }

    pub(super) const fn flows(&self) -> &Arc<Flows> {
        &self.flows
    }

    pub(super) fn keep(&self, sight: Sight) {
        match sight {
            Sight::Message { way, end, bytes } => self.message(way, end, bytes),
            Sight::Remark(remark) => self.remark(remark),
        }
    }

    fn message(&self, way: Way, end: End, bytes: Bytes) {
        let component = Component::SipStack;
        let flags = Flags::PROTOCOL;
        let level = if is_probe(&end, &bytes) {
            Level::Verbose
        } else {
            Level::Info
        };
        if !self.recorder.wants(component, level, flags) {
            return;
        }
        let end = self.flows.complete(end);
        let is_kept_elsewhere = way == Way::Out && end.is_ours;
        let with_text = !is_kept_elsewhere || self.recorder.wants(component, Level::Verbose, flags);
        let text = with_text.then(|| self.recorder.bodies());
        // What came lies in a larger buffer, which nobody shall keep for it; what goes has its own.
        let bytes = match way {
            Way::In => Bytes::copy_from_slice(&bytes),
            Way::Out => bytes,
        };
        let weight = bytes.len();
        let fill = move |record: &mut Record| {
            record.direction = Some(match way {
                Way::In => Direction::In,
                Way::Out => Direction::Out,
            });
            fill_end(record, &end);
            fill_message(record, bytes, text);
        };
        self.recorder.later(component, level, flags, weight, fill);
    }

    fn remark(&self, remark: Box<Remark>) {
        let (component, level) = (component_of(remark.topic), level_of(remark.grade));
        let flags = flags_of(&remark);
        let weight = remark.weight();
        let fill = move |record: &mut Record| fill_remark(record, &remark);
        self.recorder.later(component, level, flags, weight, fill);
    }
}

/// Tells the nodes what the running scenarios want of them, from now on.
pub(super) fn watch(recorder: &Recorder, observing: &Arc<Observing>) {
    let observing = Arc::clone(observing);
    recorder.on_change(move |capture| {
        let grades = [Grade::Step, Grade::Work, Grade::Trouble];
        let remarks = grades
            .into_iter()
            .find(|grade| wants_remarks(capture, level_of(*grade)));
        let messages = capture.wants(Component::SipStack, Level::Info, Flags::PROTOCOL);
        observing.set(messages, remarks);
    });
}

fn wants_remarks(capture: &Capture, level: Level) -> bool {
    let flags = Flags::COMPONENT.with(Flags::SECURITY).with(Flags::DIAG);
    let mut components = Topic::ALL.into_iter().map(component_of);
    components.any(|component| capture.wants(component, level, flags))
}

/// A machine that chooses among servers asks how we are all day long, and is answered.
fn is_probe(end: &End, bytes: &[u8]) -> bool {
    end.only_asks && (bytes.starts_with(b"OPTIONS ") || bytes.starts_with(b"SIP/2.0 200 "))
}

fn fill_end(record: &mut Record, end: &End) {
    record.flow = Some(end.flow.into());
    record.transport = Some(end.transport);
    record.peer = end.remote;
    record.local = end.local;
    record.peer_name = end.name.as_ref().map(Value::shared);
}

fn fill_message(record: &mut Record, bytes: Bytes, text: Option<Bodies>) {
    if let Some(bodies) = text {
        record.text = redact::message(&String::from_utf8_lossy(&bytes), bodies);
    }
    // It was read before, or written by us; if it cannot be read now, its text is all there is.
    let Ok(message) = Message::parse(bytes, &Limits::SERVER) else {
        return;
    };
    record.status = Some(message.status()).filter(|status| *status > 0);
    let subject = Subject::of(&message);
    fill_subject(record, &subject);
    if record.request.as_ref().is_some_and(|uri| uri.is_empty()) {
        record.request = None;
    }
}

fn fill_subject(record: &mut Record, subject: &Subject) {
    record.call_id = Some(Value::new(subject.call_id()));
    record.method = Some(Value::new(subject.method()));
    record.cseq = Some(subject.cseq);
    record.from = Some(redact::value(subject.from()));
    record.to = Some(redact::value(subject.to()));
    record.request = Some(redact::value(subject.uri()));
    record.correlation = Some(Correlation::of_request(
        subject.call_id(),
        subject.cseq,
        subject.method(),
    ));
}

fn fill_remark(record: &mut Record, remark: &Remark) {
    if let Some(end) = &remark.end {
        fill_end(record, end);
    }
    if let Some(next) = &remark.next {
        // Whom it goes on to is the news; the message's own record says who sent it.
        record.peer_name = Some(Value::shared(next));
        (record.peer, record.local) = (None, None);
    }
    if let Some(subject) = &remark.subject {
        fill_subject(record, subject);
    }
    if let Some(user) = &remark.user {
        record.to = Some(Value::new(user));
    }
    record.status = remark.status;
    record.decision = Some(Value::new(remark.word));
    record.reason = Some(redact::value(&remark.reason)).filter(|reason| !reason.is_empty());
}

const fn component_of(topic: Topic) -> Component {
    match topic {
        Topic::Stack => Component::SipStack,
        Topic::Routing => Component::Routing,
        Topic::Authentication => Component::Authentication,
        Topic::Registrar => Component::Registrar,
        Topic::Edge => Component::Edge,
        Topic::Federation => Component::Federation,
        Topic::Presence => Component::Presence,
        Topic::Messaging => Component::Messaging,
        Topic::Guard => Component::Guard,
    }
}

const fn level_of(grade: Grade) -> Level {
    match grade {
        Grade::Trouble => Level::Warning,
        Grade::Work => Level::Info,
        Grade::Step => Level::Verbose,
    }
}

const fn flags_of(remark: &Remark) -> Flags {
    let is_about_safety = matches!(remark.topic, Topic::Authentication | Topic::Guard);
    let flags = if is_about_safety {
        Flags::COMPONENT.with(Flags::SECURITY)
    } else {
        Flags::COMPONENT
    };
    match remark.grade {
        Grade::Trouble => flags.with(Flags::DIAG),
        Grade::Work | Grade::Step => flags,
    }
}
