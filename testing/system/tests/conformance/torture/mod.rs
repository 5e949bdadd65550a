//! Torture messages through running servers: what the manifest says of each is seen on the wire, over TLS, TCP and UDP.
//!
//! Over TLS caller and callee both hang on a Director. The callee signs in as one of the phones that it lets in by proxy,
//! so that a request goes from the caller to the Director, to the Front End, back to the Director and to the callee, and
//! the response the same way back. Over TCP and UDP both hang on a Front End. After each message the server is asked on
//! the same way how it is.

mod unchanged;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sip::msg::{Limits, Message, Name};
use system::agent::{Agent, AgentError, Draft, values};
use system::deployment::User;
use system::digest::Known;
use system::torture::{Carrier, Case, Filling, Outcome, cases};

use super::ringing::QUIET;
use super::{Fault, Site, Trial, Verdict, ensure, is, run_on};
use crate::live::bad_input::neighbour;
use crate::live::site::{DIR01, FE01};

/// Phones of this name are let in by proxy (`site.toml`).
const BY_PROXY: &str = "baresip";
/// Longer than a busy machine needs for one exchange.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tries all messages of one RFC on each carrier, with a phone beside them that must be served all the while.
pub(crate) fn run(rfc: u16) {
    let messages = cases(rfc).unwrap();
    let site = Site::start();
    let neighbour = neighbour(site.place(), &[site.user()]);
    let carriers = [Carrier::Tls, Carrier::Tcp, Carrier::Udp];
    let each = carriers
        .iter()
        .flat_map(|carrier| messages.iter().map(move |case| (*carrier, case)));
    let each: Vec<(Carrier, &Case, String)> = each
        .map(|(carrier, case)| (carrier, case, format!("over {carrier:?}: {}", case.rule)))
        .collect();
    let trials = each.iter().map(|(carrier, case, sentence)| Trial {
        section: &case.section,
        sentence,
        check: Box::new(|site: &Site| try_one(site, *carrier, case)),
    });
    run_on(&site, rfc, &trials.collect::<Vec<_>>(), &[]);
    neighbour.was_served();
}

fn try_one(site: &Site, carrier: Carrier, case: &Case) -> Verdict {
    let mut pair = Pair::sign_in(site, carrier)?;
    if case.is_response() {
        pair.answer(case)
    } else {
        pair.ask(case)
    }
}

/// Two users of one server.
struct Pair {
    caller: Agent,
    callee: Agent,
    users: [User; 2],
    carrier: Carrier,
}

impl Pair {
    fn sign_in(site: &Site, carrier: Carrier) -> Result<Self, Fault> {
        let users = [site.user(), site.user()];
        let agent = |user| {
            let agent = match carrier {
                Carrier::Tls => site.at_director()?,
                Carrier::Tcp => site.over_tcp()?,
                Carrier::Udp => site.over_udp()?,
            };
            Ok::<_, Fault>(agent.acting_for(user).with_patience(PATIENCE))
        };
        let mut caller = agent(&users[0])?;
        let sent = caller.registration();
        let (_, answer) = caller.prove(sent)?;
        // A Director sends its phones home; who is at home already is taken in.
        let expected = if carrier == Carrier::Tls { 301 } else { 200 };
        is(&answer, expected)?;
        let mut callee = agent(&users[1])?;
        let sent = callee.registration().with("User-Agent", BY_PROXY);
        callee.sign_in(sent)?;
        Ok(Self {
            caller,
            callee,
            users,
            carrier,
        })
    }

    /// Director, Front End, Director; or the Front End alone.
    const fn hops(&self) -> u32 {
        match self.carrier {
            Carrier::Tls => 3,
            Carrier::Tcp | Carrier::Udp => 1,
        }
    }

    const fn server(&self) -> &'static str {
        match self.carrier {
            Carrier::Tls => DIR01,
            Carrier::Tcp | Carrier::Udp => FE01,
        }
    }

    /// Writes it for these two; what it was sent with is told by `attempt`.
    fn fill(&self, case: &Case, attempt: &str, via: &str) -> Vec<u8> {
        let name = |user: &User| user.uri[4..].split('@').next().unwrap_or("").to_owned();
        case.bytes(&Filling {
            caller: &name(&self.users[0]),
            callee: &name(&self.users[1]),
            via,
            n: attempt,
        })
    }

    /// Writes it, with credentials where it is to be believed.
    fn request(&mut self, case: &Case) -> Result<Vec<u8>, Fault> {
        if !case.proves {
            return Ok(self.fill(case, &attempt(), ""));
        }
        let phone = format!("User-Agent: {BY_PROXY}");
        let bytes = with_lines(&self.fill(case, &attempt(), ""), &phone);
        self.caller.send_raw(&bytes)?;
        let refusal = self.caller.take(PATIENCE, "a challenge", is_final)?;
        is(&refusal, 401)?;
        let mut known = Known::of(&refusal).ok_or(AgentError::Challenge)?;
        let proof = known.prove(&self.users[0], "REGISTER", "sip:contoso.com");
        let proof = proof.ok_or(AgentError::Challenge)?;
        let lines = format!("{phone}\r\nAuthorization: {proof}");
        Ok(with_lines(&self.fill(case, &attempt(), ""), &lines))
    }

    /// The caller sends it as a request.
    fn ask(&mut self, case: &Case) -> Verdict {
        let server = self.server();
        let bytes = self.request(case)?;
        self.caller.send_raw(&bytes)?;
        let mut rest = &*bytes;
        for outcome in case.outcomes(self.carrier) {
            match outcome {
                Outcome::Forwarded => {
                    let came = self
                        .callee
                        .take(PATIENCE, "the request", Message::is_request)?;
                    unchanged::request(first_of(&mut rest)?, came.bytes(), self.hops())?;
                    self.callee.answer(&came, 200)?;
                    is(&self.caller.take(PATIENCE, "200", is_final)?, 200)?;
                }
                Outcome::Answered(status) => {
                    let answer = self.caller.take(PATIENCE, "an answer", is_final)?;
                    is(&answer, *status)?;
                    let bytes = String::from_utf8_lossy(answer.bytes());
                    ensure!(
                        bytes.contains(&case.says),
                        "the answer lacks {:?}: {bytes}",
                        case.says
                    );
                }
                Outcome::Dropped => self.caller.expect_none(QUIET, "answer", |_| true)?,
                Outcome::Closed => return is_closed(&mut self.caller),
                Outcome::Awaited => return is_awaited(&mut self.caller, server),
                Outcome::Returned => return Err(Fault::new("a request does not come back")),
            }
        }
        goes_on(&mut self.caller, server)?;
        Ok(self
            .callee
            .expect_none(QUIET, "request", Message::is_request)?)
    }

    /// The callee sends it as the answer to a request of the caller.
    fn answer(&mut self, case: &Case) -> Verdict {
        let (attempt, server) = (attempt(), self.server());
        let request = self.question(&self.fill(case, &attempt, ""));
        self.caller.send(&request)?;
        let came = self
            .callee
            .take(PATIENCE, "the request", Message::is_request)?;
        let via = values(&came, Name::Via).join(", ");
        let bytes = self.fill(case, &attempt, &via);
        self.callee.send_raw(&bytes)?;
        for outcome in case.outcomes(self.carrier) {
            match outcome {
                Outcome::Returned => {
                    let back = self.caller.take(PATIENCE, "the response", is_final)?;
                    unchanged::response(&bytes, back.bytes())?;
                }
                Outcome::Dropped => {
                    goes_on(&mut self.callee, server)?;
                    self.caller.expect_none(QUIET, "response", is_final)?;
                    // The request goes on as if nothing had come.
                    self.callee.answer(&came, 200)?;
                    is(&self.caller.expect_final(&request)?, 200)?;
                }
                Outcome::Forwarded | Outcome::Answered(_) | Outcome::Awaited | Outcome::Closed => {
                    return Err(Fault::new("that comes of no response"));
                }
            }
        }
        goes_on(&mut self.callee, server)
    }

    /// The request that a response answers: From, To and Call-ID are those of the response.
    fn question(&mut self, response: &[u8]) -> Draft {
        let text = String::from_utf8_lossy(response);
        let said = |name: &str| {
            let mut lines = text.split("\r\n");
            lines
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                .unwrap_or_default()
        };
        let method = said("CSeq").split(' ').next_back().unwrap_or_default();
        let mut request = self.caller.request(method, self.callee.aor());
        for name in ["From", "To", "Call-ID"] {
            request = request.set(name, said(name));
        }
        request.set("CSeq", format_args!("7 {method}"))
    }
}

/// Tells one attempt from all others.
fn attempt() -> String {
    static ATTEMPTS: AtomicUsize = AtomicUsize::new(0);
    ATTEMPTS.fetch_add(1, Ordering::Relaxed).to_string()
}

fn is_final(message: &Message) -> bool {
    !message.is_request() && message.status() >= 200
}

/// The message with more lines below its first.
fn with_lines(bytes: &[u8], lines: &str) -> Vec<u8> {
    let end = bytes
        .windows(2)
        .position(|two| two == b"\r\n")
        .unwrap_or_default();
    let (start, rest) = bytes.split_at(end);
    [start, b"\r\n", lines.as_bytes(), rest].concat()
}

/// Takes the first message off what was sent; line ends in front of it are keep-alives.
fn first_of<'a>(sent: &mut &'a [u8]) -> Result<&'a [u8], Fault> {
    let from = sent
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    let message = Message::parse(sent[from..].to_vec().into(), &Limits::CLIENT);
    let length = message.map_err(AgentError::Garbled)?.bytes().len();
    let (first, rest) = sent[from..].split_at(length);
    *sent = rest;
    Ok(first)
}

fn goes_on(agent: &mut Agent, server: &str) -> Verdict {
    let question = agent.request("OPTIONS", &format!("sip:{server}"));
    is(&agent.ask(&question)?, 200)
}

/// The connection is open and all that is sent is taken for the rest of the message.
fn is_awaited(agent: &mut Agent, server: &str) -> Verdict {
    let question = agent.request("OPTIONS", &format!("sip:{server}"));
    agent.send(&question)?;
    Ok(agent.expect_none(QUIET, "answer", |_| true)?)
}

fn is_closed(agent: &mut Agent) -> Verdict {
    match agent.take(PATIENCE, "the end", |_| true) {
        Err(AgentError::Wire(error)) if error.is_end() => Ok(()),
        other => Err(Fault::new(format!("no end of the connection: {other:?}"))),
    }
}
