//! A phone that does what a test says.

use crate::deployment::{Deployment, PASSWORD, addr};
use base::net::Fingerprint;
use directory::Algorithm;
use sip::auth::{Challenge, Proof, ha1, response};
use sip::msg::{Frame, Framer, Limits, Message, Method, Name};
use std::time::Duration;
use testkit::ClientFlow;

/// Longer than any answer takes.
pub const LONG: Duration = Duration::from_secs(40);

/// A phone on one connection.
pub struct Phone {
    /// Who uses it.
    pub user: &'static str,
    /// Its connection.
    pub flow: ClientFlow,
    /// Whom it registers, if not its user.
    pub registers: Option<&'static str>,
    /// Its User-Agent.
    pub agent: &'static str,
    /// What it believes is the password.
    pub password: &'static str,
    /// Its Contact URI.
    pub contact: String,
    /// Parameters of the Contact of a REGISTER.
    pub params: String,
    /// The Request-URI of a REGISTER.
    pub domain_uri: String,
    /// Every byte that has come.
    pub heard: Vec<u8>,
    framer: Framer,
    inbox: Vec<Message>,
    call_id: String,
    /// The number of its latest request.
    pub cseq: u32,
    branch: u32,
}

impl Phone {
    /// Connects.
    pub fn connect(deployment: &mut Deployment, user: &'static str, to: &str) -> Self {
        Self::connect_from(deployment, user, to, "192.0.2.7")
    }

    /// Connects from an address of its own.
    pub fn connect_from(
        deployment: &mut Deployment,
        user: &'static str,
        to: &str,
        from: &str,
    ) -> Self {
        Self::connect_holding(deployment, user, to, from, None)
    }

    /// Connects and proves to hold a certificate, if it has one.
    pub fn connect_holding(
        deployment: &mut Deployment,
        user: &'static str,
        to: &str,
        from: &str,
        certificate: Option<Fingerprint>,
    ) -> Self {
        // A prime, so that phones of different moments differ in their ports, and so in their Call-IDs.
        let port =
            40_000 + u16::try_from(deployment.world.now().mono.as_micros() % 19_997).unwrap();
        let at = addr(&format!("{from}:{port}"));
        let flow = deployment.world.connect_holding(at, addr(to), certificate);
        deployment.world.run_for(Duration::from_millis(20));
        Self {
            user,
            flow,
            registers: None,
            agent: "phone",
            password: PASSWORD,
            contact: format!("sip:{user}@{from}:{port};transport=tls"),
            params: String::new(),
            domain_uri: "sip:contoso.com".to_owned(),
            heard: Vec::new(),
            framer: Framer::new(),
            inbox: Vec::new(),
            call_id: format!("{user}-{port}"),
            cseq: 0,
            branch: 0,
        }
    }

    /// The address of its user.
    pub fn aor(&self) -> String {
        format!("sip:{}@contoso.com", self.user)
    }

    /// A branch that it has not used.
    pub fn fresh_branch(&mut self) -> String {
        self.branch += 1;
        format!("z9hG4bK{}{}{}", self.user, self.flow_number(), self.branch)
    }

    fn flow_number(&self) -> String {
        format!("{:?}", self.flow)
            .chars()
            .filter(char::is_ascii_digit)
            .collect()
    }

    /// Sends this text, with its line ends made those of SIP.
    pub fn send(&self, deployment: &mut Deployment, text: &str) {
        deployment
            .world
            .write(self.flow, text.replace('\n', "\r\n").into_bytes());
    }

    /// Waits for a message that fits; others stay for later.
    pub fn wait(
        &mut self,
        deployment: &mut Deployment,
        what: &str,
        fits: impl Fn(&Message) -> bool,
    ) -> Message {
        let mut found = None;
        let flow = self.flow;
        deployment.world.run_until(LONG, |world| {
            let bytes = world.read(flow);
            self.heard.extend_from_slice(&bytes);
            self.framer.push(bytes.into());
            while let Ok(Some(frame)) = self.framer.next(&Limits::default()) {
                if let Frame::Message(message) = frame {
                    self.inbox.push(message);
                }
            }
            let at = self.inbox.iter().position(&fits);
            found = at.map(|at| self.inbox.remove(at));
            found.is_some()
        });
        let seen = || -> Vec<String> { self.inbox.iter().map(first_line).collect() };
        found.unwrap_or_else(|| panic!("{} waited in vain for {what}; has {:?}", self.user, seen()))
    }

    /// Waits for a final response to this method.
    pub fn wait_final(&mut self, deployment: &mut Deployment, method: Method) -> Message {
        self.wait(deployment, "a final response", |m| {
            !m.is_request() && m.status() >= 200 && m.method() == method
        })
    }

    /// Waits for a request.
    pub fn wait_request(&mut self, deployment: &mut Deployment, method: Method) -> Message {
        self.wait(deployment, method.as_str(), |m| {
            m.is_request() && m.method() == method
        })
    }

    /// Takes all that has come.
    pub fn take(&mut self, deployment: &mut Deployment) -> Vec<Message> {
        self.has_no(deployment, |_| false);
        std::mem::take(&mut self.inbox)
    }

    /// Tells that nothing of this kind has come.
    pub fn has_no(&mut self, deployment: &mut Deployment, fits: impl Fn(&Message) -> bool) -> bool {
        let bytes = deployment.world.read(self.flow);
        self.heard.extend_from_slice(&bytes);
        self.framer.push(bytes.into());
        while let Ok(Some(Frame::Message(message))) = self.framer.next(&Limits::default()) {
            self.inbox.push(message);
        }
        !self.inbox.iter().any(fits)
    }

    /// Sends a REGISTER as it is, without credentials.
    pub fn send_register(&mut self, deployment: &mut Deployment, extra: &str) {
        self.cseq += 1;
        let (aor, call_id, cseq, branch) = (
            self.aor(),
            self.call_id.clone(),
            self.cseq,
            self.fresh_branch(),
        );
        let whom = self.registers.unwrap_or(self.user);
        let text = format!(
            "REGISTER {} SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.7;branch={branch};rport\nMax-Forwards: 70\n\
             From: <{aor}>;tag=r{cseq}\nTo: <sip:{whom}@contoso.com>\nCall-ID: {call_id}\nCSeq: {cseq} REGISTER\n\
             User-Agent: {}\nContact: <{}>{}\n{extra}Content-Length: 0\n\n",
            self.domain_uri, self.agent, self.contact, self.params,
        );
        self.send(deployment, &text);
    }

    /// Registers, answering one challenge; returns the last response.
    pub fn register(&mut self, deployment: &mut Deployment, extra: &str) -> Message {
        self.send_register(deployment, extra);
        let first = self.wait_final(deployment, Method::Register);
        if first.status() != 401 {
            return first;
        }
        let credentials =
            self.credentials(&first, Name::WwwAuthenticate, "REGISTER", "sip:contoso.com");
        self.send_register(
            deployment,
            &format!("Authorization: {credentials}\n{extra}"),
        );
        self.wait_final(deployment, Method::Register)
    }

    /// Answers a challenge.
    pub fn credentials(&self, challenged: &Message, name: Name, method: &str, uri: &str) -> String {
        let text = challenged.text(name).unwrap();
        let challenge = Challenge::parse(text).unwrap();
        let ha1 = ha1(
            challenge.algorithm,
            self.user,
            &challenge.realm,
            self.password,
        );
        let nonce = challenge.nonce.to_string();
        let proof = Proof {
            nonce: &nonce,
            quality: Some(("00000001", "c0ffee", "auth")),
            method,
            uri,
        };
        let response = response(challenge.algorithm, &ha1, &proof);
        let algorithm = match challenge.algorithm {
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512_256 => "SHA-512-256",
            Algorithm::Md5 => "MD5",
        };
        format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
             algorithm={algorithm}, qop=auth, nc=00000001, cnonce=\"c0ffee\"",
            self.user, challenge.realm,
        )
    }

    /// Sends a request that begins something.
    pub fn request(
        &mut self,
        deployment: &mut Deployment,
        method: &str,
        to: &str,
        extra: &str,
    ) -> Sent {
        self.request_with_body(deployment, method, to, extra, "")
    }

    /// The same with a body, whose type is among the lines.
    pub fn request_with_body(
        &mut self,
        deployment: &mut Deployment,
        method: &str,
        to: &str,
        extra: &str,
        body: &str,
    ) -> Sent {
        self.cseq += 1;
        let branch = self.fresh_branch();
        let sent = Sent {
            branch,
            call_id: format!("{}-{}", self.call_id, self.cseq),
            cseq: self.cseq,
            uri: format!("sip:{to}@contoso.com"),
            from: format!("<{}>;tag=f{}", self.aor(), self.cseq),
            has_credentials: extra.contains("Authorization"),
        };
        self.write(deployment, method, &sent, extra, body);
        sent
    }

    /// Sends the same request again, or one of another method that belongs to it.
    pub fn resend(&mut self, deployment: &mut Deployment, method: &str, sent: &Sent, extra: &str) {
        self.write(deployment, method, sent, extra, "");
    }

    fn write(
        &mut self,
        deployment: &mut Deployment,
        method: &str,
        sent: &Sent,
        extra: &str,
        body: &str,
    ) {
        let Sent {
            branch,
            call_id,
            cseq,
            uri,
            from,
            ..
        } = sent;
        let text = format!(
            "{method} {uri} SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.7;branch={branch};rport\nMax-Forwards: 70\n\
             From: {from}\nTo: <{uri}>\nCall-ID: {call_id}\nCSeq: {cseq} {method}\nUser-Agent: {}\n\
             Contact: <{}>\n{extra}Content-Length: {}\n\n{body}",
            self.agent,
            self.contact,
            body.len(),
        );
        self.send(deployment, &text);
    }

    /// Sends a request and answers a challenge to it.
    pub fn request_with_credentials(
        &mut self,
        deployment: &mut Deployment,
        method: &str,
        to: &str,
    ) -> Sent {
        let first = self.request(deployment, method, to, "");
        let challenged = self.wait(deployment, "407", |m| m.status() == 407);
        if method == "INVITE" {
            self.ack(deployment, &first, &challenged);
        }
        let credentials =
            self.credentials(&challenged, Name::ProxyAuthenticate, method, &first.uri);
        self.request(
            deployment,
            method,
            to,
            &format!("Proxy-Authorization: {credentials}\n"),
        )
    }

    /// Acknowledges a refusal.
    pub fn ack(&mut self, deployment: &mut Deployment, sent: &Sent, response: &Message) {
        let to = response.text(Name::To).unwrap();
        let text = format!(
            "ACK {} SIP/2.0\nVia: SIP/2.0/TLS 192.0.2.7;branch={};rport\nMax-Forwards: 70\nFrom: {}\nTo: {to}\n\
             Call-ID: {}\nCSeq: {} ACK\nContent-Length: 0\n\n",
            sent.uri, sent.branch, sent.from, sent.call_id, sent.cseq,
        );
        self.send(deployment, &text);
    }

    /// Answers a request that came.
    pub fn answer(&mut self, deployment: &mut Deployment, request: &Message, status: u16) {
        let contact = format!("<{}>", self.contact);
        let reply = sip::msg::Reply::to(request, status)
            .to_tag(&format!("t{}", self.user))
            .record_route();
        let bytes = reply.header(Name::Contact, contact).write();
        deployment.world.write(self.flow, bytes);
    }
}

/// A request that was sent.
pub struct Sent {
    /// Its branch.
    pub branch: String,
    /// Its Call-ID.
    pub call_id: String,
    /// Its number.
    pub cseq: u32,
    /// Its Request-URI.
    pub uri: String,
    /// Its From.
    pub from: String,
    /// Whether it answers a challenge.
    pub has_credentials: bool,
}

fn first_line(message: &Message) -> String {
    let end = message
        .bytes()
        .iter()
        .position(|b| *b == b'\r')
        .unwrap_or(0);
    String::from_utf8_lossy(&message.bytes()[..end]).into_owned()
}
