//! The dialog of a subscription as its notifier sees it (RFC 3261 12.1.1).

use base::net::{FlowId, WorkerId};

/// By which way a watcher is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// By the flow that they came on.
    Flow(FlowId),
    /// By the first server of the route.
    Route,
    /// No message: it is an entry of a list that a worker of this machine keeps.
    List {
        worker: WorkerId,
        list: u64,
        entry: usize,
    },
}

/// A dialog that a SUBSCRIBE made.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    pub(crate) call_id: String,
    /// To of the SUBSCRIBE with our tag; From of what we send.
    pub(crate) local: String,
    /// From of the SUBSCRIBE; To of what we send.
    pub(crate) remote: String,
    pub(crate) remote_tag: String,
    /// Their Contact.
    pub(crate) target: String,
    /// The Record-Route of the SUBSCRIBE, in order.
    pub(crate) route: Vec<String>,
    pub(crate) reach: Reach,
    /// The CSeq number of their latest request.
    pub(crate) heard: u32,
    /// That of ours.
    pub(crate) sent: u32,
}
