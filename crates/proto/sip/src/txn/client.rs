//! The client side of a transaction.
//!
//! ```text
//! INVITE:  Calling --1xx--> Proceeding --2xx--> Accepted --M--> (end)     (RFC 6026: 2xx again are delivered)
//!             |  \---------------|---3xx-6xx--> Completed --D--> (end)    (each 3xx-6xx is acknowledged)
//!             B: timed out       C is the proxy's business
//! other:   Trying --1xx--> Proceeding --2xx-6xx--> Completed --K--> (end)
//!             \-------F--------/ : timed out
//! ```

use super::{Do, Kind, Steps, T1, T2, T4, TIMEOUT, TIMER_D, Timer, steps};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Trying,
    Proceeding,
    Accepted,
    Completed,
    Ended,
}

/// One request that we sent and the responses to it.
#[derive(Clone, Debug)]
pub struct ClientTransaction {
    kind: Kind,
    reliable: bool,
    state: State,
    resend: Duration,
}

impl ClientTransaction {
    /// Makes a transaction for a request that is about to be sent.
    #[must_use]
    pub const fn new(kind: Kind, reliable: bool) -> Self {
        Self {
            kind,
            reliable,
            state: State::Trying,
            resend: T1,
        }
    }

    /// The request leaves.
    #[must_use]
    pub fn start(&self) -> Steps {
        let mut all = steps([Do::Send, Do::Set(Timer::GiveUp, TIMEOUT)]);
        if !self.reliable {
            all.push(Do::Set(Timer::Resend, self.resend));
        }
        all
    }

    /// A response came.
    pub fn response(&mut self, status: u16) -> Steps {
        match (self.state, status) {
            (State::Trying | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                steps([Do::Deliver])
            }
            (State::Trying | State::Proceeding, _) => self.answered(status),
            (State::Accepted, 200..=299) => steps([Do::Deliver]),
            (State::Completed, 300..) if self.kind == Kind::Invite => steps([Do::Ack]),
            (State::Accepted | State::Completed | State::Ended, _) => Steps::new(),
        }
    }

    /// A timer fired.
    pub fn timer(&mut self, timer: Timer) -> Steps {
        match (timer, self.state) {
            (Timer::Resend, State::Trying) => self.send_again(),
            (Timer::Resend, State::Proceeding) if self.kind == Kind::Other => {
                self.resend = T2;
                steps([Do::Send, Do::Set(Timer::Resend, T2)])
            }
            (Timer::GiveUp, State::Trying) => self.give_up(),
            (Timer::GiveUp, State::Proceeding) if self.kind == Kind::Other => self.give_up(),
            (Timer::Linger, State::Accepted | State::Completed) => {
                self.state = State::Ended;
                steps([Do::End])
            }
            (Timer::Resend | Timer::GiveUp | Timer::Linger, _) => Steps::new(),
        }
    }

    /// The transport cannot deliver the request any more.
    pub fn transport_failed(&mut self) {
        self.state = State::Ended;
    }

    /// Tells whether a final response came or none is expected any more.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        !matches!(self.state, State::Trying | State::Proceeding)
    }

    /// Tells whether a provisional response came; a CANCEL may be sent only then (RFC 3261 9.1).
    #[must_use]
    pub const fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding)
    }

    fn answered(&mut self, status: u16) -> Steps {
        let invite = self.kind == Kind::Invite;
        let (state, linger) = match (invite, status) {
            (true, 200..=299) => (State::Accepted, TIMEOUT),
            (true, _) => (
                State::Completed,
                if self.reliable {
                    Duration::ZERO
                } else {
                    TIMER_D
                },
            ),
            (false, _) => (
                State::Completed,
                if self.reliable { Duration::ZERO } else { T4 },
            ),
        };
        self.state = state;
        let mut all = Steps::new();
        if invite && state == State::Completed {
            all.push(Do::Ack);
        }
        all.push(Do::Deliver);
        if linger.is_zero() {
            self.state = State::Ended;
            all.push(Do::End);
        } else {
            all.push(Do::Set(Timer::Linger, linger));
        }
        all
    }

    fn send_again(&mut self) -> Steps {
        let doubled = self.resend.saturating_mul(2);
        self.resend = if self.kind == Kind::Invite {
            doubled
        } else {
            doubled.min(T2)
        };
        steps([Do::Send, Do::Set(Timer::Resend, self.resend)])
    }

    fn give_up(&mut self) -> Steps {
        self.state = State::Ended;
        steps([Do::TimedOut, Do::End])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(timer: Timer, millis: u64) -> Do {
        Do::Set(timer, Duration::from_millis(millis))
    }

    #[test]
    fn an_invite_over_udp_is_sent_again_at_doubling_intervals_until_a_provisional() {
        let mut invite = ClientTransaction::new(Kind::Invite, false);
        let start = [
            Do::Send,
            set(Timer::GiveUp, 32_000),
            set(Timer::Resend, 500),
        ];
        assert_eq!(invite.start().as_slice(), start);
        for wait in [1_000, 2_000, 4_000, 8_000, 16_000] {
            assert_eq!(
                invite.timer(Timer::Resend).as_slice(),
                [Do::Send, set(Timer::Resend, wait)]
            );
        }
        assert_eq!(invite.response(180).as_slice(), [Do::Deliver]);
        assert!(invite.timer(Timer::Resend).is_empty());
        assert!(
            invite.timer(Timer::GiveUp).is_empty(),
            "timer B ends with the first provisional"
        );
    }

    #[test]
    fn a_non_invite_over_udp_slows_down_to_t2() {
        let mut request = ClientTransaction::new(Kind::Other, false);
        for wait in [1_000, 2_000, 4_000, 4_000] {
            assert_eq!(
                request.timer(Timer::Resend).as_slice(),
                [Do::Send, set(Timer::Resend, wait)]
            );
        }
        request.response(100);
        assert_eq!(
            request.timer(Timer::Resend).as_slice(),
            [Do::Send, set(Timer::Resend, 4_000)]
        );
        assert_eq!(
            request.timer(Timer::GiveUp).as_slice(),
            [Do::TimedOut, Do::End]
        );
    }

    #[test]
    fn over_a_reliable_transport_nothing_is_sent_twice() {
        let request = ClientTransaction::new(Kind::Other, true);
        assert_eq!(
            request.start().as_slice(),
            [Do::Send, set(Timer::GiveUp, 32_000)]
        );
    }

    #[test]
    fn a_refused_invite_is_acknowledged_each_time_and_delivered_once() {
        let mut invite = ClientTransaction::new(Kind::Invite, false);
        assert_eq!(
            invite.response(486).as_slice(),
            [Do::Ack, Do::Deliver, set(Timer::Linger, 32_000)]
        );
        assert_eq!(invite.response(486).as_slice(), [Do::Ack]);
        assert!(
            invite.response(200).is_empty(),
            "a late 2xx does not revive it"
        );
        assert_eq!(invite.timer(Timer::Linger).as_slice(), [Do::End]);
    }

    /// RFC 6026 7.2: every 2xx reaches the core, retransmissions and those of other forks alike.
    #[test]
    fn every_2xx_to_an_invite_is_delivered_until_timer_m() {
        let mut invite = ClientTransaction::new(Kind::Invite, true);
        assert_eq!(
            invite.response(200).as_slice(),
            [Do::Deliver, set(Timer::Linger, 32_000)]
        );
        assert_eq!(invite.response(200).as_slice(), [Do::Deliver]);
        assert_eq!(invite.timer(Timer::Linger).as_slice(), [Do::End]);
        assert!(invite.response(200).is_empty());
    }

    #[test]
    fn no_answer_is_told_once() {
        for kind in [Kind::Invite, Kind::Other] {
            let mut request = ClientTransaction::new(kind, true);
            assert_eq!(
                request.timer(Timer::GiveUp).as_slice(),
                [Do::TimedOut, Do::End]
            );
            assert!(request.timer(Timer::GiveUp).is_empty());
        }
    }
}
