//! What traces say of HTTP requests: one record for each when it is answered, and at `Verbose` the heads of both.
//!
//! A [`Clerk`] belongs to one thread of a site. It names each request ([`web::trace`]): anew if it comes from outside or
//! from whoever is not known to be ours, else as the machine before has named it.
//!
//! Of a target what proves anything is dropped, of heads what [`logs::redact`] drops, bodies altogether. What has to be
//! read for that is read by the thread that writes.
//!
//! Bounds: there are as many records as requests, which the throttle of the traces bounds; a head has at most what
//! `runtime::http::Limits` lets in.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use base::net::Hop;
use base::random::Random;
use hyper::header::{
    CONTENT_LOCATION, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, REFERER,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode, Uri, Version};
use logs::redact::{self, Bodies};
use logs::{Component, Correlation, Direction, Flags, Level, Record, Value};
use runtime::http::Caller;
use traces::Recorder;
use web::trace::{self, Trace};

use crate::fault::chain;

const HEADS: Flags = Flags::HTTP.with(Flags::PROTOCOL);

/// Takes note of requests, on one thread.
pub struct Clerk {
    recorder: Recorder,
    component: Component,
    random: RefCell<Random>,
}

/// How a request came.
#[derive(Clone, Copy, Debug)]
pub struct Came<'a> {
    /// By which connection.
    pub caller: &'a Caller,
    /// Whether that had TLS.
    pub secured: bool,
    /// Whose it is, if a machine of ours passes it on and says so. Then its name of the request counts too.
    pub passed_on: Option<IpAddr>,
    /// Whether it comes from a machine of ours that passes requests on.
    pub from_ours: bool,
}

/// A request that is being answered.
pub struct Asked {
    trace: Trace,
    begun: Instant,
    noted: Option<Box<Noted>>,
}

/// What is known of it before it goes anywhere.
struct Noted {
    /// Who tells of it in the end, also where there is no answer.
    recorder: Recorder,
    component: Component,
    method: Method,
    uri: Uri,
    host: Option<HeaderValue>,
    secured: bool,
    /// The client, as far as it is known.
    client: SocketAddr,
    /// Who passes it on.
    by: Option<IpAddr>,
    local: SocketAddr,
}

/// What became of a request.
pub struct Outcome {
    /// In one word.
    pub decision: &'static str,
    /// Who was asked for the answer.
    pub upstream: Option<Value>,
    /// Why, for people; nothing if that goes without saying.
    pub why: Option<String>,
    /// Whether it is trouble.
    pub is_trouble: bool,
}

impl Outcome {
    /// Ordinary work.
    #[must_use]
    pub const fn of(decision: &'static str) -> Self {
        Self {
            decision,
            upstream: None,
            why: None,
            is_trouble: false,
        }
    }

    /// It was refused.
    #[must_use]
    pub fn refused(why: impl std::fmt::Display) -> Self {
        Self {
            why: Some(why.to_string()),
            ..Self::of("refused")
        }
    }

    /// It was passed on to a server.
    #[must_use]
    pub fn passed(name: &str, to: Option<&Hop>) -> Self {
        Self {
            upstream: Some(name.into()),
            why: to.map(|hop| format!("to {}", hop.addr)),
            ..Self::of("passed")
        }
    }

    /// The same with a reason more.
    #[must_use]
    pub fn since(mut self, why: &str) -> Self {
        self.why = Some(match self.why {
            Some(before) => format!("{before}, {why}"),
            None => why.to_owned(),
        });
        self
    }

    /// Nobody has answered it.
    #[must_use]
    pub fn unanswered(why: &(dyn std::error::Error + 'static)) -> Self {
        Self {
            why: Some(chain(why)),
            is_trouble: true,
            ..Self::of("unanswered")
        }
    }
}

impl Clerk {
    /// Takes note as a part of the product.
    ///
    /// # Errors
    /// When the system has no randomness, from which the names of requests come.
    pub fn new(recorder: Recorder, component: Component) -> io::Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        Ok(Self {
            recorder,
            component,
            random: RefCell::new(Random::new(seed)),
        })
    }

    /// Returns what records are made with.
    #[must_use]
    pub const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Begins with a request, and takes off its head what it says of its name.
    #[must_use]
    pub fn begin(&self, head: &mut Parts, came: Came<'_>) -> Asked {
        let random = &mut *self.random.borrow_mut();
        let trace = trace::arrived(&mut head.headers, came.from_ours, random);
        let caller = came.caller;
        let client = came.passed_on.map(|ip| SocketAddr::new(ip, 0));
        let wanted = self
            .recorder
            .wants(self.component, Level::Warning, Flags::HTTP);
        let noted = wanted.then(|| {
            Box::new(Noted {
                recorder: self.recorder.clone(),
                component: self.component,
                method: head.method.clone(),
                uri: head.uri.clone(),
                host: head.headers.get(HOST).cloned(),
                secured: came.secured,
                client: client.unwrap_or(caller.source),
                by: client.map(|_| caller.source.ip()),
                local: caller.destination,
            })
        });
        let asked = Asked {
            trace,
            begun: Instant::now(),
            noted,
        };
        if self.recorder.wants(self.component, Level::Verbose, HEADS) {
            self.head(&asked, Direction::In, request_head(head), None);
        }
        asked
    }

    /// Returns the name of the request as the next machine is to hear it.
    #[must_use]
    pub fn onward(&self, asked: &Asked) -> HeaderValue {
        asked.trace.onward(&mut self.random.borrow_mut())
    }

    /// A request is answered.
    pub fn end<B>(&self, mut asked: Asked, outcome: Outcome, response: &Response<B>) {
        let status = response.status();
        if self.recorder.wants(self.component, Level::Verbose, HEADS) {
            self.head(
                &asked,
                Direction::Out,
                response_head(response),
                Some(status),
            );
        }
        asked.close(outcome, Some(status));
    }

    /// A server was not reached, and another one is tried if there is one.
    pub fn unreached(
        &self,
        asked: &Asked,
        hop: Option<&Hop>,
        why: &(dyn std::error::Error + 'static),
    ) {
        let kinds = Flags::HTTP.with(Flags::DIAG);
        self.recorder
            .record(self.component, Level::Warning, kinds, |record| {
                record.correlation = Some(asked.correlation());
                record.direction = Some(Direction::Out);
                record.peer = hop.map(|hop| hop.addr);
                record.peer_name = hop.map(|hop| Value::shared(&hop.name));
                record.decision = Some("unreachable".into());
                record.reason = Some(Value::new(&chain(why)));
            });
    }

    fn head(&self, asked: &Asked, direction: Direction, text: String, status: Option<StatusCode>) {
        let (correlation, client) = (
            asked.correlation(),
            asked.noted.as_ref().map(|it| it.client),
        );
        let bytes = size_of::<Record>() + text.len();
        let fill = move |record: &mut Record| {
            record.correlation = Some(correlation);
            record.direction = Some(direction);
            record.peer = client;
            record.status = status.map(|status| status.as_u16());
            record.text = redact::message(&text, Bodies::Drop);
        };
        self.recorder
            .later(self.component, Level::Verbose, HEADS, bytes, fill);
    }
}

impl Asked {
    /// Returns the number by which records tell the request.
    #[must_use]
    pub const fn correlation(&self) -> Correlation {
        Correlation(self.trace.number())
    }

    /// Returns whose it is, where somebody wants to know.
    #[must_use]
    pub fn client(&self) -> Option<SocketAddr> {
        self.noted.as_ref().map(|noted| noted.client)
    }
}

impl Asked {
    /// Tells what became of it, once.
    fn close(&mut self, outcome: Outcome, status: Option<StatusCode>) {
        let Some(noted) = self.noted.take() else {
            return;
        };
        let level = if outcome.is_trouble {
            Level::Warning
        } else {
            Level::Info
        };
        let (took, trace) = (self.begun.elapsed(), self.trace);
        let bytes =
            size_of::<Noted>() + noted.uri.path().len() + noted.uri.query().map_or(0, str::len);
        let (recorder, component) = (noted.recorder.clone(), noted.component);
        let fill = move |record: &mut Record| {
            record.correlation = Some(Correlation(trace.number()));
            record.direction = Some(Direction::In);
            noted.tell(record);
            record.status = status.map(|status| status.as_u16());
            record.decision = Some(outcome.decision.into());
            record.peer_name = outcome.upstream;
            let mut reason = outcome.why.unwrap_or_default();
            if let Some(by) = noted.by {
                let comma = if reason.is_empty() { "" } else { ", " };
                // Writing to a String cannot fail.
                let _ = write!(reason, "{comma}by {by}");
            }
            let comma = if reason.is_empty() { "" } else { ", " };
            let _ = write!(reason, "{comma}in {:.3} ms", took.as_secs_f64() * 1e3);
            record.reason = Some(Value::new(&reason));
        };
        recorder.later(component, level, Flags::HTTP, bytes, fill);
    }
}

impl Drop for Asked {
    /// Whoever asked went away before there was an answer, or this machine ends.
    fn drop(&mut self) {
        if self.noted.is_some() {
            let why = "nobody waits for the answer any more".to_owned();
            let outcome = Outcome {
                why: Some(why),
                ..Outcome::of("abandoned")
            };
            self.close(outcome, None);
        }
    }
}

impl Noted {
    fn tell(&self, record: &mut Record) {
        record.peer = Some(self.client);
        record.local = Some(self.local);
        record.method = Some(self.method.as_str().into());
        let written = self.host.as_ref().and_then(|host| host.to_str().ok());
        let host = self.uri.authority().map(|it| it.as_str()).or(written);
        let target = self.uri.path_and_query().map_or("*", |it| it.as_str());
        let scheme = if self.secured { "https" } else { "http" };
        let host = host.unwrap_or("-");
        let whole = format!("{scheme}://{host}{target}");
        record.request = Some(Value::new(&redact::target(&whole)));
    }
}

fn request_head(head: &Parts) -> String {
    let target = head.uri.to_string();
    let mut text = format!(
        "{} {} {:?}\r\n",
        head.method,
        redact::target(&target),
        head.version
    );
    lines(&mut text, &head.headers);
    text
}

fn response_head<B>(response: &Response<B>) -> String {
    let version = if response.version() == Version::HTTP_2 {
        "HTTP/2"
    } else {
        "HTTP/1.1"
    };
    let mut text = format!("{version} {}\r\n", response.status());
    lines(&mut text, response.headers());
    text
}

fn lines(text: &mut String, headers: &HeaderMap) {
    const TARGETS: [HeaderName; 3] = [REFERER, LOCATION, CONTENT_LOCATION];
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let value = if TARGETS.contains(name) {
            redact::target(&value)
        } else {
            value.as_ref().into()
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{name}: {value}\r\n");
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;
    use traces::Notebook;

    use super::*;

    fn caller() -> Caller {
        Caller {
            door: 0,
            source: "192.0.2.1:50000".parse().unwrap(),
            destination: "10.0.0.11:4443".parse().unwrap(),
            server_name: None,
        }
    }

    /// Records one request with all that is secret in it.
    fn recorded(passed_on: Option<IpAddr>) -> Vec<Record> {
        let folder = tempfile::tempdir().unwrap();
        let notebook = Notebook::open(folder.path()).unwrap();
        let clerk = Clerk::new(notebook.recorder(), Component::Web).unwrap();
        let request = Request::get("/root?access_token=5ECRET&a=b")
            .header("host", "webdir.contoso.net")
            .header("authorization", "Basic 5ECRET")
            .header("cookie", "a=5ECRET")
            .header("x-web-ticket", "5ECRET")
            .header("referer", "https://b.example/?code=5ECRET")
            .header(
                "traceparent",
                "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
            );
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        let came = Came {
            caller: &caller(),
            secured: true,
            passed_on,
            from_ours: passed_on.is_some(),
        };
        let asked = clerk.begin(&mut head, came);
        assert!(!head.headers.contains_key("traceparent"));
        let response = Response::builder()
            .header("set-cookie", "a=5ECRET")
            .header("location", "https://b.example/?ticket=5ECRET")
            .body(())
            .unwrap();
        clerk.end(asked, Outcome::of("root"), &response);
        notebook.records()
    }

    #[test]
    fn a_request_is_told_with_its_target_and_how_long_it_took_and_both_heads_and_no_secret() {
        let records = recorded(None);
        assert_eq!(records.len(), 3, "{records:#?}");
        let told = records.iter().find(|record| record.level == Level::Info);
        let told = told.unwrap();
        assert_eq!(
            told.request.as_deref(),
            Some("https://webdir.contoso.net/root?access_token=*&a=b")
        );
        assert_eq!(told.method.as_deref(), Some("GET"));
        assert_eq!(told.status, Some(200));
        assert_eq!(told.peer, Some(caller().source));
        assert!(told.reason.as_deref().unwrap().starts_with("in "));
        for record in &records {
            assert_eq!(record.correlation, told.correlation);
            assert!(
                !logs::line::text_of(record).contains("5ECRET"),
                "{record:#?}"
            );
        }
        let heads = records
            .iter()
            .filter(|record| record.level == Level::Verbose);
        let heads: Vec<&str> = heads.map(|record| &*record.text).collect();
        assert!(heads[0].starts_with("GET /root?access_token=*&a=b HTTP/1.1\nhost: webdir"));
        assert!(
            heads[1].starts_with("HTTP/1.1 200 OK\nset-cookie: *\n"),
            "{}",
            heads[1]
        );
    }

    #[test]
    fn a_request_whose_client_went_away_is_told_too() {
        let folder = tempfile::tempdir().unwrap();
        let notebook = Notebook::open(folder.path()).unwrap();
        let clerk = Clerk::new(notebook.recorder(), Component::Web).unwrap();
        let (mut head, ()) = Request::get("/slow").body(()).unwrap().into_parts();
        let came = Came {
            caller: &caller(),
            secured: false,
            passed_on: None,
            from_ours: false,
        };
        drop(clerk.begin(&mut head, came));
        let told = notebook
            .wait_for(|record| record.level == Level::Info)
            .unwrap();
        assert_eq!(told.decision.as_deref(), Some("abandoned"));
        assert_eq!(told.status, None);
        assert_eq!(told.request.as_deref(), Some("http://-/slow"));
    }

    #[test]
    fn a_machine_of_ours_says_whose_request_it_is_and_how_it_is_told() {
        let client: IpAddr = "198.51.100.7".parse().unwrap();
        let records = recorded(Some(client));
        let told = records.iter().find(|record| record.level == Level::Info);
        let told = told.unwrap();
        assert_eq!(told.peer.map(|peer| peer.ip()), Some(client));
        assert_eq!(told.correlation, Some(Correlation(0x0123_4567_89ab_cdef)));
        assert!(
            told.reason
                .as_deref()
                .unwrap()
                .starts_with("by 192.0.2.1, in ")
        );
        let others = recorded(None);
        assert_ne!(others[0].correlation, told.correlation);
    }
}
