//! What the reverse proxy counts.

runtime::counters! {
    /// The counters of all threads together.
    pub Stats;
    passed: Counter, "Requests passed on to a site and answered by it.";
    redirected: Counter, "Requests sent from HTTP to HTTPS.";
    refused: Counter, "Requests that can be read in more than one way, or are too large.";
    misdirected: Counter, "Requests for a name that is not published, or not the one of the connection.";
    unanswered: Counter, "Requests that no site answered.";
    websockets: Counter, "WebSockets opened.";
}
