//! What one end of a dialog remembers (RFC 3261 12.1), and the requests it makes from that (12.2.1.1).

use sip::msg::{Message, Name};

use super::{Draft, values};

/// One end of a dialog.
#[derive(Debug, Clone)]
pub struct Dialog {
    /// The Call-ID.
    pub call_id: String,
    /// What this end says in From.
    pub local: String,
    /// What this end says in To.
    pub remote: String,
    /// Where its requests go: the other end's Contact.
    pub target: String,
    /// The route set, in the order in which Route lines are written.
    pub route: Vec<String>,
    /// The number of the last request of this end.
    pub number: u32,
}

impl Dialog {
    /// Returns the caller's end: what it sent and the response that made the dialog.
    #[must_use]
    pub fn of_caller(request: &Draft, response: &Message) -> Option<Self> {
        let mut route = values(response, Name::RecordRoute);
        route.reverse();
        Some(Self {
            call_id: request.get("Call-ID")?.to_owned(),
            local: request.get("From")?.to_owned(),
            remote: response.text(Name::To)?.to_owned(),
            target: contact(response)?,
            route,
            number: request.number(),
        })
    }

    /// Returns the callee's end: what it got and its response that made the dialog.
    #[must_use]
    pub fn of_callee(request: &Message, response: &Draft) -> Option<Self> {
        Some(Self {
            call_id: request.call_id().ok()?.to_owned(),
            local: response.get("To")?.to_owned(),
            remote: request.text(Name::From)?.to_owned(),
            target: contact(request)?,
            route: values(request, Name::RecordRoute),
            number: 0,
        })
    }

    /// Begins a request of this end with the next number; ACK keeps the number, since it belongs to the INVITE.
    #[must_use]
    pub fn request(&mut self, method: &str) -> Draft {
        if method != "ACK" {
            self.number += 1;
        }
        let draft = Draft::new(format!("{method} {} SIP/2.0", self.target));
        let routed = self
            .route
            .iter()
            .fold(draft, |draft, entry| draft.with("Route", entry));
        routed
            .with("From", &self.local)
            .with("To", &self.remote)
            .with("Call-ID", &self.call_id)
            .with("CSeq", format_args!("{} {method}", self.number))
            .with("Max-Forwards", 70)
    }
}

fn contact(message: &Message) -> Option<String> {
    let contact = message.elements(Name::Contact).next()?;
    Some(contact.address().ok()?.uri.to_owned())
}
