//! What is counted of connections passed through.

crate::counters! {
    /// The counters of all threads together.
    pub Stats;
    open: Gauge, "Connections that are passed through or being opened.";
    accepted: Counter, "Connections accepted.";
    passed: Counter, "Connections that somebody took.";
    refused: Counter, "Connections closed because nobody was there for them.";
    retried: Counter, "Connections that were tried at another place after one had failed.";
    idle: Counter, "Connections ended because nothing came for too long.";
    broken: Counter, "Connections that one side broke off.";
    accept_errors: Counter, "Failures to accept, mostly for want of file descriptors.";
    bytes_in: Counter, "Bytes from those who connected.";
    bytes_out: Counter, "Bytes to those who connected.";
}
