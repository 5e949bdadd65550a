//! Two phones, of which one calls the other: INVITE, 180, 200, ACK, BYE and its 200, with the header lines and the
//! description of media that soft clients send.
//!
//! Both are worked by one task, one message after the other. The caller follows the recorded route. How many servers a
//! message crossed is read off the Via lines that reach the callee; answers come back over as many.

use std::fmt::Write as _;

use crate::digest::Session;
use crate::phone::{Fault, Phone, Target, Work, status, values};

const BODY: &str = "v=0\r\no=- 3724394400 3724394405 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 49170 RTP/AVP 0 8 97 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:97 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

/// How often an INVITE may be challenged: when it has no credentials, and when the nonce of those that it has is old.
const CHALLENGES: u32 = 2;

/// A caller and the one who is called.
#[derive(Debug)]
pub(crate) struct Pair {
    caller: Phone,
    callee: Phone,
    session: Option<Session>,
    cseq: u32,
    made: u32,
}

impl Pair {
    /// Connects both; the callee signs in, and the caller too if both are at one server.
    ///
    /// # Errors
    /// The server does not answer as it should.
    pub(crate) async fn connect(target: &Target, number: usize) -> Result<Self, Fault> {
        let mut caller = Phone::connect(target, 2 * number, Work::Register).await?;
        let mut home = target.clone();
        match &target.callee {
            Some((addr, name)) => {
                home.addr = *addr;
                home.name = name.clone();
            }
            None => caller.work(Work::Register).await?,
        }
        let mut callee = Phone::connect(&home, 2 * number + 1, Work::Register).await?;
        callee.work(Work::Register).await?;
        Ok(Self {
            caller,
            callee,
            session: None,
            cseq: 0,
            made: 0,
        })
    }

    /// One call from its INVITE to the end of its BYE; returns how many messages servers passed on for it.
    ///
    /// # Errors
    /// A message is late, or another than the call expects.
    pub(crate) async fn call(&mut self) -> Result<u64, Fault> {
        self.made += 1;
        let invite = self.invite().await?;
        let (ringing, accepted) = (
            self.answer(&invite, "180 Ringing", ""),
            self.answer(&invite, "200 OK", BODY),
        );
        self.callee.send(&ringing).await?;
        self.callee.send(&accepted).await?;
        let accepted = self.accepted().await?;
        self.caller.send(&self.inside(&accepted, "ACK")?).await?;
        let ack = self.asked("ACK ").await?;
        self.cseq += 1;
        self.caller.send(&self.inside(&accepted, "BYE")?).await?;
        let bye = self.asked("BYE ").await?;
        self.callee.send(&self.answer(&bye, "200 OK", "")).await?;
        self.accepted().await?;
        Ok(3 * servers(&invite) + servers(&ack) + 2 * servers(&bye))
    }

    /// Ends both connections.
    pub(crate) async fn hang_up(self) {
        self.caller.hang_up().await;
        self.callee.hang_up().await;
    }

    /// Sends the INVITE, with other credentials when it is challenged; returns it as the callee sees it.
    async fn invite(&mut self) -> Result<String, Fault> {
        for _ in 0..=CHALLENGES {
            self.cseq += 1;
            let invite = self.invitation();
            self.caller.send(&invite).await?;
            loop {
                tokio::select! {
                    invite = self.callee.receive() => return expected(invite?, "INVITE "),
                    answer = self.caller.receive() => {
                        let answer = answer?;
                        match status(answer.as_bytes()) {
                            Some(100) => {}
                            Some(407) => {
                                self.challenged(&answer).await?;
                                break;
                            }
                            other => return Err(unexpected(other)),
                        }
                    }
                }
            }
        }
        Err(unexpected(Some(407)))
    }

    /// Acknowledges a challenge and makes credentials for it.
    async fn challenged(&mut self, answer: &str) -> Result<(), Fault> {
        let uri = self.uri();
        let challenges = values(answer, "Proxy-Authenticate");
        self.session = self.caller.session(challenges, "INVITE", &uri);
        if self.session.is_none() {
            return Err(Fault::Senseless);
        }
        let to = first(answer, "To")?.to_owned();
        let mut ack = self.head("ACK", &uri, &to, "i");
        ack.push_str("Content-Length: 0\r\n\r\n");
        self.caller.send(&ack).await
    }

    /// Waits for a request at the callee.
    async fn asked(&mut self, method: &str) -> Result<String, Fault> {
        expected(self.callee.receive().await?, method)
    }

    /// Waits at the caller for 200, past everything provisional.
    async fn accepted(&mut self) -> Result<String, Fault> {
        loop {
            let answer = self.caller.receive().await?;
            match status(answer.as_bytes()) {
                Some(100..=199) => {}
                Some(200) => return Ok(answer),
                other => return Err(unexpected(other)),
            }
        }
    }

    fn uri(&self) -> String {
        format!("sip:load{}@{}", self.callee.number(), self.caller.domain())
    }

    /// The lines that every request of the caller begins with.
    fn head(&self, method: &str, uri: &str, to: &str, branch: &str) -> String {
        let Self {
            caller, cseq, made, ..
        } = self;
        let (local, number, domain) = (caller.local(), caller.number(), caller.domain());
        format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/TLS {local};branch=z9hG4bK-{branch}-{number:06x}-{cseq:08x};rport\r\n\
             Max-Forwards: 70\r\n\
             From: \"Load Phone {number}\" <sip:load{number}@{domain}>;tag=c{made:08x}\r\n\
             To: {to}\r\n\
             Call-ID: 6e1d0b7c-{made:08x}-{number:012x}@{ip}\r\n\
             CSeq: {cseq} {method}\r\n\
             User-Agent: Example Deskphone 410/5.9.6.2335 (24:00:00:{number:06x})\r\n",
            ip = local.ip(),
        )
    }

    fn invitation(&mut self) -> String {
        let uri = self.uri();
        let mut text = self.head("INVITE", &uri, &format!("<{uri}>"), "i");
        let (local, number) = (self.caller.local(), self.caller.number());
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "Contact: <sip:load{number}@{local};transport=tls>\r\n\
             Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER\r\n\
             Supported: 100rel, replaces, timer\r\n\
             Accept-Language: en, ko;q=0.8\r\n"
        );
        if let Some(session) = &mut self.session {
            text.push_str("Proxy-Authorization: ");
            session.answer(&mut text);
            text.push_str("\r\n");
        }
        put_body(&mut text, BODY);
        text
    }

    /// A request inside the dialog that this answer made.
    fn inside(&self, accepted: &str, method: &str) -> Result<String, Fault> {
        let contact = first(accepted, "Contact")?;
        let uri = between(contact, '<', '>').ok_or(Fault::Senseless)?;
        let branch = if method == "ACK" { "a" } else { "b" };
        let mut text = self.head(method, uri, first(accepted, "To")?, branch);
        for entry in route(accepted) {
            let _ = write!(text, "Route: {entry}\r\n");
        }
        put_body(&mut text, "");
        Ok(text)
    }

    /// An answer of the callee.
    fn answer(&self, request: &str, status: &str, body: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "Record-Route", "From", "Call-ID", "CSeq"] {
            for value in values(request, name) {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        let to = values(request, "To").next().unwrap_or_default();
        let tag = if to.contains(";tag=") {
            ""
        } else {
            ";tag=callee"
        };
        let (local, number) = (self.callee.local(), self.callee.number());
        let _ = write!(
            text,
            "To: {to}{tag}\r\n\
             Contact: <sip:load{number}@{local};transport=tls>\r\n\
             Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, UPDATE, REFER\r\n\
             Supported: 100rel, replaces, timer\r\n\
             User-Agent: Example Deskphone 410/5.9.6.2335 (24:00:00:{number:06x})\r\n"
        );
        put_body(&mut text, body);
        text
    }
}

fn put_body(text: &mut String, body: &str) {
    if !body.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
}

fn expected(message: String, method: &str) -> Result<String, Fault> {
    if message.starts_with(method) {
        Ok(message)
    } else {
        Err(Fault::Senseless)
    }
}

fn unexpected(status: Option<u16>) -> Fault {
    status.map_or(Fault::Senseless, |got| Fault::Status { got, expected: 200 })
}

fn first<'m>(message: &'m str, name: &'m str) -> Result<&'m str, Fault> {
    values(message, name).next().ok_or(Fault::Senseless)
}

fn between(text: &str, open: char, close: char) -> Option<&str> {
    let (_, rest) = text.split_once(open)?;
    Some(rest.split_once(close)?.0)
}

/// The route of the caller: what was recorded, the other way round (RFC 3261 12.1.2).
fn route(accepted: &str) -> Vec<&str> {
    let entries = values(accepted, "Record-Route").flat_map(|line| line.split(','));
    let mut entries: Vec<&str> = entries.map(str::trim).collect();
    entries.reverse();
    entries
}

/// How many servers a request crossed: each has put a Via on top of the caller's.
fn servers(request: &str) -> u64 {
    let vias = values(request, "Via").flat_map(|line| line.split(','));
    vias.skip(1).count() as u64
}

#[cfg(test)]
mod tests {
    use super::{between, route, servers};

    const MESSAGE: &str = "INVITE sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/TLS two:1, SIP/2.0/TLS one:1\r\n\
        Via: SIP/2.0/TLS phone:1\r\nRecord-Route: <sip:t@b:1;lr>, <sip:u@b:1;lr>\r\nRecord-Route: <sip:a;lr>\r\n\r\n";

    #[test]
    fn the_route_is_what_was_recorded_the_other_way_round() {
        assert_eq!(
            route(MESSAGE),
            ["<sip:a;lr>", "<sip:u@b:1;lr>", "<sip:t@b:1;lr>"]
        );
    }

    #[test]
    fn each_via_above_the_callers_is_a_server() {
        assert_eq!(servers(MESSAGE), 2);
        assert_eq!(
            servers("ACK sip:b SIP/2.0\r\nVia: SIP/2.0/TLS phone:1\r\n\r\n"),
            0
        );
    }

    #[test]
    fn a_contact_is_read_from_between_its_brackets() {
        assert_eq!(
            between("\"B\" <sip:b@h;transport=tls>;q=1", '<', '>'),
            Some("sip:b@h;transport=tls")
        );
        assert_eq!(between("sip:b@h", '<', '>'), None);
    }
}
