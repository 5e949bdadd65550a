//! What cases about event state have in common: subscribing, being told, publishing.

use sip::msg::{Message, Name};
use system::agent::{Agent, Dialog, Draft};

use super::{Fault, Verdict, ensure, is};

/// A subscription as its watcher has it.
pub(crate) struct Watching {
    pub(crate) answer: Message,
    pub(crate) dialog: Dialog,
}

/// Subscribes; the first NOTIFY is not taken yet.
pub(crate) fn subscribe(watcher: &mut Agent, to: &str, event: &str) -> Result<Watching, Fault> {
    let request = watcher.request("SUBSCRIBE", to).with("Event", event);
    let (asked, answer) = watcher.prove(request.with("Expires", 600))?;
    is(&answer, 200)?;
    let dialog =
        Dialog::of_caller(&asked, &answer).ok_or_else(|| Fault::new("there is no dialog"))?;
    Ok(Watching { answer, dialog })
}

/// Takes the next NOTIFY and answers it.
pub(crate) fn notified(watcher: &mut Agent) -> Result<Message, Fault> {
    let notify = watcher.expect("NOTIFY")?;
    watcher.answer(&notify, 200)?;
    Ok(notify)
}

/// A PUBLISH of a document with one tuple.
pub(crate) fn publication(user: &mut Agent, basic: &str) -> Draft {
    let aor = user.aor().to_owned();
    let body = format!(
        "<?xml version=\"1.0\"?><presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"{aor}\">\
         <tuple id=\"t\"><status><basic>{basic}</basic></status></tuple></presence>"
    );
    user.request("PUBLISH", &aor)
        .with("Event", "presence")
        .body("application/pidf+xml", body)
}

/// Publishes and returns the entity tag.
pub(crate) fn publish(user: &mut Agent, basic: &str) -> Result<String, Fault> {
    let request = publication(user, basic);
    let (_, answer) = user.prove(request)?;
    is(&answer, 200)?;
    tag_of(&answer)
}

/// The entity tag of an answer.
pub(crate) fn tag_of(answer: &Message) -> Result<String, Fault> {
    let tag = answer
        .text(Name::SipEtag)
        .ok_or_else(|| Fault::new("there is no SIP-ETag"))?;
    Ok(tag.to_owned())
}

/// The body says this.
pub(crate) fn says(notify: &Message, text: &str) -> Verdict {
    let body = String::from_utf8_lossy(notify.body()).into_owned();
    ensure!(body.contains(text), "no {text} in: {body}");
    Ok(())
}
