//! The server side of a transaction.
//!
//! ```text
//! INVITE:  Proceeding --2xx--> Accepted --L--> (end)                          (RFC 6026 7.1)
//!              \------3xx-6xx--> Completed --ACK--> Confirmed --I--> (end)
//!                                    H: no ACK came
//! other:   Trying --1xx--> Proceeding --2xx-6xx--> Completed --J--> (end)
//! ```
//!
//! A non-INVITE transaction sends no 100 of its own (RFC 4320 4.1); whether a late final response is still worth
//! sending is the proxy's decision.

use super::{Do, Kind, Steps, T1, T2, T4, TIMEOUT, Timer, steps};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Proceeding,
    Accepted,
    Completed,
    Confirmed,
    Ended,
}

/// One request that we received and the responses to it.
#[derive(Clone, Debug)]
pub struct ServerTransaction {
    kind: Kind,
    reliable: bool,
    state: State,
    answered_before: bool,
    resend: Duration,
}

impl ServerTransaction {
    /// Makes a transaction for a request that just came.
    #[must_use]
    pub const fn new(kind: Kind, reliable: bool) -> Self {
        Self {
            kind,
            reliable,
            state: State::Proceeding,
            answered_before: false,
            resend: T1,
        }
    }

    /// Our side has a response; [`Do::Send`] among the steps means that it may leave.
    pub fn respond(&mut self, status: u16) -> Steps {
        match (self.state, status) {
            (State::Proceeding, 100..=199) => {
                self.answered_before = true;
                steps([Do::Send])
            }
            (State::Proceeding, _) => self.finish(status),
            (State::Accepted, 200..=299) => steps([Do::Send]),
            (State::Accepted | State::Completed | State::Confirmed | State::Ended, _) => {
                Steps::new()
            }
        }
    }

    /// No response will be sent any more (RFC 4320 4.2).
    pub const fn abandon(&mut self) {
        self.state = State::Ended;
    }

    /// The request came again.
    #[must_use]
    pub fn request_again(&self) -> Steps {
        match self.state {
            State::Proceeding if self.answered_before => steps([Do::Send]),
            State::Completed => steps([Do::Send]),
            State::Proceeding | State::Accepted | State::Confirmed | State::Ended => Steps::new(),
        }
    }

    /// An ACK came that matches this transaction. [`Do::Deliver`] means that it acknowledges a 2xx and is the
    /// proxy's to pass on.
    pub fn ack(&mut self) -> Steps {
        match self.state {
            State::Completed if self.kind == Kind::Invite => {
                self.state = State::Confirmed;
                self.linger(if self.reliable { Duration::ZERO } else { T4 })
            }
            State::Accepted => steps([Do::Deliver]),
            State::Proceeding | State::Completed | State::Confirmed | State::Ended => Steps::new(),
        }
    }

    /// A timer fired.
    pub fn timer(&mut self, timer: Timer) -> Steps {
        match (timer, self.state) {
            (Timer::Resend, State::Completed) if self.kind == Kind::Invite => {
                self.resend = self.resend.saturating_mul(2).min(T2);
                steps([Do::Send, Do::Set(Timer::Resend, self.resend)])
            }
            (Timer::GiveUp, State::Completed) if self.kind == Kind::Invite => {
                self.state = State::Ended;
                steps([Do::TimedOut, Do::End])
            }
            (Timer::Linger, State::Accepted | State::Completed | State::Confirmed) => {
                self.state = State::Ended;
                steps([Do::End])
            }
            (Timer::Resend | Timer::GiveUp | Timer::Linger, _) => Steps::new(),
        }
    }

    /// Tells whether a final response was sent.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        !matches!(self.state, State::Proceeding)
    }

    fn finish(&mut self, status: u16) -> Steps {
        let mut all = steps([Do::Send]);
        match (self.kind, status) {
            (Kind::Invite, 200..=299) => {
                self.state = State::Accepted;
                all.push(Do::Set(Timer::Linger, TIMEOUT));
            }
            (Kind::Invite, _) => {
                self.state = State::Completed;
                all.push(Do::Set(Timer::GiveUp, TIMEOUT));
                if !self.reliable {
                    all.push(Do::Set(Timer::Resend, self.resend));
                }
            }
            (Kind::Other, _) => {
                self.state = State::Completed;
                all.extend(self.linger(if self.reliable {
                    Duration::ZERO
                } else {
                    TIMEOUT
                }));
            }
        }
        all
    }

    fn linger(&mut self, wait: Duration) -> Steps {
        if wait.is_zero() {
            self.state = State::Ended;
            steps([Do::End])
        } else {
            steps([Do::Set(Timer::Linger, wait)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(timer: Timer, millis: u64) -> Do {
        Do::Set(timer, Duration::from_millis(millis))
    }

    #[test]
    fn a_refusal_is_sent_again_until_the_ack() {
        let mut invite = ServerTransaction::new(Kind::Invite, false);
        assert_eq!(invite.respond(100).as_slice(), [Do::Send]);
        let refused = [
            Do::Send,
            set(Timer::GiveUp, 32_000),
            set(Timer::Resend, 500),
        ];
        assert_eq!(invite.respond(486).as_slice(), refused);
        assert_eq!(
            invite.timer(Timer::Resend).as_slice(),
            [Do::Send, set(Timer::Resend, 1_000)]
        );
        assert_eq!(invite.request_again().as_slice(), [Do::Send]);
        assert_eq!(invite.ack().as_slice(), [set(Timer::Linger, 5_000)]);
        assert!(invite.timer(Timer::Resend).is_empty());
        assert_eq!(invite.timer(Timer::Linger).as_slice(), [Do::End]);
    }

    #[test]
    fn a_missing_ack_is_told() {
        let mut invite = ServerTransaction::new(Kind::Invite, true);
        invite.respond(603);
        assert_eq!(
            invite.timer(Timer::GiveUp).as_slice(),
            [Do::TimedOut, Do::End]
        );
    }

    /// RFC 6026 7.1: 2xx responses are the user agents' to repeat; the transaction passes each and absorbs INVITEs.
    #[test]
    fn an_accepted_invite_passes_every_2xx_and_absorbs_the_request() {
        let mut invite = ServerTransaction::new(Kind::Invite, false);
        assert_eq!(
            invite.respond(200).as_slice(),
            [Do::Send, set(Timer::Linger, 32_000)]
        );
        assert_eq!(invite.respond(200).as_slice(), [Do::Send]);
        assert!(invite.request_again().is_empty());
        assert_eq!(invite.ack().as_slice(), [Do::Deliver]);
        assert!(invite.respond(486).is_empty());
    }

    #[test]
    fn a_request_over_udp_that_comes_again_gets_the_same_answer_for_32_seconds() {
        let mut request = ServerTransaction::new(Kind::Other, false);
        assert!(request.request_again().is_empty(), "nothing to repeat yet");
        assert_eq!(
            request.respond(200).as_slice(),
            [Do::Send, set(Timer::Linger, 32_000)]
        );
        assert_eq!(request.request_again().as_slice(), [Do::Send]);
        assert!(
            request.respond(500).is_empty(),
            "one final response is enough"
        );
        assert_eq!(request.timer(Timer::Linger).as_slice(), [Do::End]);
    }

    #[test]
    fn over_a_reliable_transport_an_answered_request_is_over() {
        let mut request = ServerTransaction::new(Kind::Other, true);
        assert_eq!(request.respond(404).as_slice(), [Do::Send, Do::End]);
    }
}
