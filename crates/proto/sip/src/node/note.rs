//! What the workers of one machine tell each other.
//!
//! What belongs to one user and is no binding lives with one worker, chosen by the user's name. Requests about it are
//! handed over after the worker that read them has settled who asks; of changed bindings that worker hears only while
//! somebody watches a user of the same bucket.

use base::net::{FlowId, Link, WorkerId};
use bytes::Bytes;
use std::sync::Arc;

/// What one worker tells another.
#[derive(Clone, Debug)]
pub enum Note {
    /// A request about a user of yours.
    Request(Box<Handed>),
    /// A NOTIFY for a subscription of yours.
    Notify(Box<Mail>, u64),
    /// The bindings of this user have changed.
    BindingsChanged(Arc<str>),
    /// A flow of mine is gone on which a request came that I handed to you.
    FlowClosed(FlowId),
    /// A list of mine has a user of yours, or has them no longer.
    Watch(Box<crate::event::Interest>),
    /// A user of mine who is on a list of yours (the worker is you).
    Entry(WorkerId, Box<crate::event::Told>),
}

/// A request that one worker read and another carries out.
#[derive(Clone, Debug)]
pub struct Handed {
    pub(crate) mail: Mail,
    pub(crate) about: crate::role::Eventing,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Mail {
    pub(crate) flow: FlowId,
    pub(crate) link: Arc<Link>,
    pub(crate) bytes: Bytes,
}
