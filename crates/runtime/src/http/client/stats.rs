//! What is counted of requests to other servers.

crate::counters! {
    /// The counters of all clients that share them.
    pub Stats;
    requests: Counter, "Requests sent to servers, repetitions included.";
    connections: Counter, "Connections opened to servers.";
    repeated: Counter, "Requests sent again because a kept connection had closed.";
    failed: Counter, "Requests that a server did not answer.";
}
