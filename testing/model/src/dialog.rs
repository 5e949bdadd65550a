//! Dialogs as a phone keeps them (RFC 3261 12).

use crate::deployment::Deployment;
use crate::phone::Phone;
use sip::msg::{Message, Name};

impl Phone {
    /// Sends a request inside the dialog that a 2xx (as caller) or an INVITE (as callee) began.
    pub fn in_dialog(&mut self, deployment: &mut Deployment, method: &str, dialog: &DialogState) {
        self.in_dialog_with(deployment, method, dialog, "");
    }

    /// The same, with header lines that are not always there.
    pub fn in_dialog_with(
        &mut self,
        deployment: &mut Deployment,
        method: &str,
        dialog: &DialogState,
        lines: &str,
    ) {
        self.cseq += 1;
        let branch = self.fresh_branch();
        let number = if method == "ACK" {
            dialog.cseq
        } else {
            self.cseq
        };
        let routes: String = dialog
            .routes
            .iter()
            .map(|route| format!("Route: {route}\n"))
            .collect();
        let text = format!(
            "{method} {} SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.7;branch={branch};rport\nMax-Forwards: 70\n{routes}\
             From: {}\nTo: {}\nCall-ID: {}\nCSeq: {number} {method}\n{lines}Content-Length: 0\n\n",
            dialog.remote_target, dialog.local, dialog.remote, dialog.call_id,
        );
        self.send(deployment, &text);
    }
}

/// One side of a dialog.
pub struct DialogState {
    /// The Call-ID.
    pub call_id: String,
    /// Our end, with its tag.
    pub local: String,
    /// The other end.
    pub remote: String,
    /// Its Contact.
    pub remote_target: String,
    /// The route set.
    pub routes: Vec<String>,
    /// The number of the INVITE.
    pub cseq: u32,
}

impl DialogState {
    /// RFC 3261 12.1.2: the caller's side, from the 2xx.
    pub fn of_caller(response: &Message) -> Self {
        let mut routes = record_routes(response);
        routes.reverse();
        Self::new(response, Name::From, Name::To, routes)
    }

    /// RFC 3261 12.1.1: the callee's side, from the INVITE and the tag it answered with.
    pub fn of_callee(invite: &Message, tag: &str) -> Self {
        let mut dialog = Self::new(invite, Name::To, Name::From, record_routes(invite));
        dialog.local = format!("{};tag={tag}", dialog.local);
        dialog
    }

    fn new(message: &Message, local: Name, remote: Name, routes: Vec<String>) -> Self {
        let contact = message.elements(Name::Contact).next().unwrap();
        Self {
            call_id: message.call_id().unwrap().to_owned(),
            local: message.text(local).unwrap().to_owned(),
            remote: message.text(remote).unwrap().to_owned(),
            remote_target: contact.address().unwrap().uri.to_owned(),
            routes,
            cseq: message.cseq().unwrap().number,
        }
    }
}

fn record_routes(message: &Message) -> Vec<String> {
    message
        .elements(Name::RecordRoute)
        .map(|route| route.text().unwrap().to_owned())
        .collect()
}
