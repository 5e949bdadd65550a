//! What traces say of changes to the directory: who was changed and in what, never a verifier or another secret.
//!
//! Whoever asks has opened the control socket, which belongs to the account that runs the machine, or is a machine of ours
//! that publishes a certificate; more is not known of who they are.

use directory::{Aor, CertificateId};
use logs::{Component, Flags, Level, Value};
use traces::Recorder;

use super::words::{Refusal, UserRequest};
use crate::fault::chain;

/// A change that is about to be made.
pub(super) struct Noted {
    component: Component,
    user: Aor,
    decision: &'static str,
    what: String,
}

/// Takes note of what a request is about to change, before it is gone; `None` if it changes nothing, or many.
pub(super) fn note(request: &UserRequest) -> Option<Noted> {
    let mut component = Component::Directory;
    let (user, decision, what) = match request {
        UserRequest::List { .. }
        | UserRequest::Show { .. }
        | UserRequest::Contacts { .. }
        | UserRequest::Import { .. } => return None,
        UserRequest::Add(user) => (&user.aor, "added", format!("at home in {}", user.home)),
        UserRequest::Move { aor, home } => {
            (aor, "moved", format!("at home in {home} from here on"))
        }
        UserRequest::Remove { aor } => (aor, "removed", String::new()),
        UserRequest::Passwd { aor, .. } => (aor, "password", "another password".to_owned()),
        UserRequest::Block { aor, blocked } => (aor, "blocked", format!("hidden from {blocked}")),
        UserRequest::Unblock { aor, blocked } => {
            (aor, "unblocked", format!("no longer hidden from {blocked}"))
        }
        UserRequest::AddContacts { aor, contacts } => {
            (aor, "contacts", format!("{} contacts more", contacts.len()))
        }
        UserRequest::RemoveContacts { aor, contacts } => {
            (aor, "contacts", format!("{} contacts less", contacts.len()))
        }
        UserRequest::Publish { aor, certificate } => {
            component = Component::Authentication;
            (aor, "published", named(&certificate.fingerprint))
        }
        UserRequest::Revoke { aor, certificate } => {
            component = Component::Authentication;
            let what = certificate.as_ref().map(named);
            (
                aor,
                "revoked",
                what.unwrap_or_else(|| "all certificates".to_owned()),
            )
        }
    };
    Some(Noted {
        component,
        user: user.clone(),
        decision,
        what,
    })
}

fn named(certificate: &CertificateId) -> String {
    format!("the certificate {certificate}")
}

impl Noted {
    /// Records it, or why it was refused.
    pub(super) fn tell(self, recorder: &Recorder, refused: Option<&Refusal>) {
        let level = if refused.is_some() {
            Level::Warning
        } else {
            Level::Info
        };
        recorder.record(self.component, level, Flags::SECURITY, |record| {
            record.from = Some(Value::new(self.user.as_str()));
            record.decision = Some(
                if refused.is_some() {
                    "refused"
                } else {
                    self.decision
                }
                .into(),
            );
            let what = match refused {
                Some(refusal) => format!("{} of {}: {}", self.decision, self.what, chain(refusal)),
                None => self.what,
            };
            record.reason = Some(Value::new(&what));
        });
    }
}

/// Records an import: one record, however many accounts.
pub(super) fn imported(
    recorder: &Recorder,
    written: usize,
    outcomes: &[Option<Refusal>],
    failed: Option<&Refusal>,
) {
    recorder.record(
        Component::Directory,
        Level::Info,
        Flags::SECURITY,
        |record| {
            let refused = outcomes.iter().flatten().count();
            record.decision = Some(
                if failed.is_some() {
                    "refused"
                } else {
                    "imported"
                }
                .into(),
            );
            let why = failed.map(|refusal| format!(": {}", chain(refusal)));
            let why = why.unwrap_or_default();
            let what = format!("{written} accounts, {refused} others refused{why}");
            record.reason = Some(Value::new(&what));
        },
    );
}
