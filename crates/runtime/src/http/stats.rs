//! What is counted of HTTP.

crate::counters! {
    /// The counters of all threads together.
    pub Stats;
    open: Gauge, "HTTP connections that are open, handshakes included.";
    accepted: Counter, "HTTP connections accepted.";
    crowded: Counter, "HTTP connections closed at once because a bound was reached.";
    strangers: Counter, "HTTP connections closed because a balancer did not say whose they are.";
    handshakes_failed: Counter, "HTTP connections that ended in the TLS handshake.";
    requests: Counter, "Requests that a site was asked.";
    malformed: Counter, "Requests refused because their head can be understood in more than one way.";
    late: Counter, "HTTP connections ended because the client was silent, or did not read, for too long.";
    broken: Counter, "HTTP connections that ended with an error.";
    accept_errors: Counter, "Failures to accept HTTP connections, mostly for want of file descriptors.";
}
