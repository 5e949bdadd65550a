//! What the web sites count; read at any time by whoever exports it.

use web::site::{Answer, Resource};

runtime::counters! {
    /// What was asked of the sites of a machine since the start.
    pub Counters;
    answered: Counter, "Web requests that found what they asked for.";
    redirected: Counter, "Web requests sent to TLS.";
    tickets: Counter, "Tickets given for a password.";
    unproven: Counter, "Web requests answered 401: no ticket, or no password, or a wrong one.";
    refused: Counter, "Web requests that asked for what they may not have, or in a way that is not served.";
    misdirected: Counter, "Web requests for a host that is not of the site.";
    slowed: Counter, "Web requests answered 503 because of who sent them.";
    unwell: Counter, "Questions after health that were answered 503.";
    bodies_refused: Counter, "Web requests whose body was too large, too slow or broken.";
}

impl Counters {
    /// Takes note of what came of a request.
    pub(super) fn take(&self, answer: &Answer) {
        let count = match (answer.resource, answer.response.status().as_u16()) {
            (Some(Resource::Ticket), 200) => &self.tickets,
            (Some(Resource::Health), 503) => &self.unwell,
            (_, 503) => &self.slowed,
            (_, 401) => &self.unproven,
            (_, 421) => &self.misdirected,
            (_, 300..400) => &self.redirected,
            (_, 400..500) => &self.refused,
            (_, _) => &self.answered,
        };
        count.add(1);
    }
}
