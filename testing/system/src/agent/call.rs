//! A call between two agents: placed, answered, used by either side, ended.

use sip::msg::Message;

use super::{Agent, AgentError, Dialog, Draft};

/// A session description of the usual size.
pub const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                              m=audio 49170 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n";

/// Both ends of an answered call, and what made it.
#[derive(Debug)]
pub struct Call {
    /// Who called.
    pub caller: Agent,
    /// Who was called.
    pub callee: Agent,
    /// The INVITE as it left.
    pub invite: Draft,
    /// The INVITE as it came.
    pub asked: Message,
    /// The 200 as it left.
    pub answer: Draft,
    /// The 200 as it came.
    pub ok: Message,
    /// What the caller remembers.
    pub caller_end: Dialog,
    /// What the callee remembers.
    pub callee_end: Dialog,
}

impl Call {
    /// Calls, answers and acknowledges.
    ///
    /// # Errors
    /// Fails when anything of that does not come about.
    pub fn between(mut caller: Agent, mut callee: Agent) -> Result<Self, AgentError> {
        let invite = caller.request("INVITE", callee.aor());
        let invite = caller.begin(invite.body("application/sdp", SDP))?;
        let asked = callee.expect("INVITE")?;
        let answer = callee.response(&asked, 200).body("application/sdp", SDP);
        callee.send(&answer)?;
        let ok = caller.expect_status(&invite, 200)?;
        let caller_end = caller.confirm(&invite, &ok)?;
        callee.expect("ACK")?;
        let callee_end = Dialog::of_callee(&asked, &answer);
        let callee_end = callee_end.ok_or_else(|| AgentError::NoDialog("the callee".to_owned()))?;
        Ok(Self {
            caller,
            callee,
            invite,
            asked,
            answer,
            ok,
            caller_end,
            callee_end,
        })
    }

    /// Has the caller ask something within the dialog; returns the request and its answer as they came.
    ///
    /// # Errors
    /// Fails when anything of that does not come about.
    pub fn caller_asks(
        &mut self,
        method: &str,
        status: u16,
    ) -> Result<(Message, Message), AgentError> {
        let (end, from, to) = (&mut self.caller_end, &mut self.caller, &mut self.callee);
        exchange(end, from, to, method, status)
    }

    /// Has the callee ask something within the dialog; returns the request and its answer as they came.
    ///
    /// # Errors
    /// Fails when anything of that does not come about.
    pub fn callee_asks(
        &mut self,
        method: &str,
        status: u16,
    ) -> Result<(Message, Message), AgentError> {
        let (end, from, to) = (&mut self.callee_end, &mut self.callee, &mut self.caller);
        exchange(end, from, to, method, status)
    }
}

fn exchange(
    end: &mut Dialog,
    from: &mut Agent,
    to: &mut Agent,
    method: &str,
    status: u16,
) -> Result<(Message, Message), AgentError> {
    let request = from.within(end, method);
    let request = from.begin(request)?;
    let came = to.expect(method)?;
    to.answer(&came, status)?;
    let answer = from.expect_status(&request, status)?;
    if method == "INVITE" && status < 300 {
        let ack = from.within(end, "ACK");
        from.begin(ack)?;
        to.expect("ACK")?;
    } else if method == "INVITE" {
        from.acknowledge(&request, &answer)?;
    }
    Ok((came, answer))
}
