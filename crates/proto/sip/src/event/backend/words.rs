//! What goes into back-end subscriptions and what comes out of them.

use crate::event::Reason;
use base::Mono;
use base::net::FlowId;
use base::timers::TimerId;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// The other end of the dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) tag: String,
    pub(crate) target: String,
    /// In the order in which requests pass it.
    pub(crate) route: Vec<String>,
    /// Whether it is the user's home; else it is the pool that stands in, and the home is tried again.
    pub(crate) is_home: bool,
}

/// A list that has the user, which entry of it they are, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) watcher: Arc<str>,
    pub(crate) resource: Arc<str>,
    pub(crate) list: u64,
    pub(crate) entry: usize,
    pub(crate) until: Mono,
}

/// A SUBSCRIBE to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) number: u64,
    /// Comes back with the answer, so that a late one is told apart; `None` if no answer is waited for.
    pub(crate) turn: Option<u64>,
    pub(crate) watcher: Arc<str>,
    pub(crate) resource: Arc<str>,
    pub(crate) call_id: String,
    pub(crate) tag: String,
    pub(crate) cseq: u32,
    /// `None` begins a dialog, with the servers of the user's home.
    pub(crate) remote: Option<Remote>,
    pub(crate) expires: Duration,
}

/// How the user is, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Accepted, and nothing heard yet.
    Pending,
    Document(Bytes),
    Ended(Reason),
    /// No server of the home answers.
    Away,
}

/// What the owner is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Send(Box<Request>),
    /// Come back after this time ([`super::Backends::due`]), and not at the time set before.
    Set(u64, Duration),
    Cancel(TimerId),
    /// Tell these lists.
    Tell(Vec<Wish>, Said),
}

/// What came of a SUBSCRIBE.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Accepted {
        remote: Remote,
        expires: Duration,
        flow: FlowId,
    },
    Refused {
        status: u16,
        retry_after: Option<Duration>,
    },
    /// No server can be reached, or none answers.
    Lost,
}

/// A NOTIFY.
#[derive(Clone, Debug)]
pub(crate) struct News {
    pub(crate) call_id: String,
    /// Our tag.
    pub(crate) tag: String,
    pub(crate) remote: Remote,
    pub(crate) cseq: u32,
    pub(crate) state: State,
    pub(crate) body: Bytes,
}

/// What Subscription-State says.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Active,
    Pending,
    Terminated {
        reason: Option<String>,
        retry_after: Option<Duration>,
    },
}
