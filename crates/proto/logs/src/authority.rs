//! Who may ask an agent for what.
//!
//! Logs tell who spoke with whom, so they are for operators: whoever holds a certificate that says so. The certificate of a
//! machine proves an agent to whoever asks it; it asks nothing itself, so an Edge that has been taken over reads nobody
//! else's logs.

use crate::wire::Request;

/// Who is at the other end of a connection to an agent, by the certificate that it has proven to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// An operator, by name.
    Operator(String),
    /// A machine of the topology, by its FQDN.
    Machine(String),
    /// Somebody with another certificate, or with none.
    Stranger,
}

/// A request that is not for whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Machines answer and do not ask.
    #[error(
        "the certificate of {machine} lets a machine answer, not {what}; use an operator's certificate"
    )]
    Machine {
        /// Which machine.
        machine: String,
        /// What it wanted.
        what: &'static str,
    },
    /// Nobody whom we know.
    #[error("an operator's certificate is needed to {what}")]
    Stranger {
        /// What was wanted.
        what: &'static str,
    },
}

/// Tells whether somebody may ask this, and as whom.
///
/// # Errors
/// They may not.
pub fn judge<'a>(asker: &'a Asker, request: &Request) -> Result<&'a str, Refusal> {
    let what = request.what();
    match asker {
        Asker::Operator(name) => Ok(name),
        Asker::Machine(machine) => Err(Refusal::Machine {
            machine: machine.clone(),
            what,
        }),
        Asker::Stranger => Err(Refusal::Stranger { what }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Asker, Refusal, judge};
    use crate::wire::tests::every_request;

    #[test]
    fn operators_ask_and_nobody_else_does() {
        let operator = Asker::Operator("ann".into());
        let machine = Asker::Machine("edge01".into());
        for request in every_request() {
            assert_eq!(judge(&operator, &request), Ok("ann"));
            let edge = judge(&machine, &request);
            assert!(matches!(edge, Err(Refusal::Machine { .. })));
            let stranger = judge(&Asker::Stranger, &request);
            assert!(matches!(stranger, Err(Refusal::Stranger { .. })));
        }
    }
}
