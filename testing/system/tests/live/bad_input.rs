//! Bad input at the doors that anyone can reach: a fitting answer or a closed connection, a counter that moves, and no
//! effect on others.
//!
//! While all of it goes on, a phone beside it signs in again and again ([`Neighbour`]); it must be served every time.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use system::agent::Agent;
use system::deployment::User;
use system::sip_client::SipClient;
use system::tls::{Manner, PATIENCE, Wire};
use system::wait;

use super::site::{DIR01, EDGE01, OUTSIDE, Site, flow};

mod cases;

use cases::{Case, Fate, Sample, cases};

const SOON: Duration = Duration::from_secs(10);
/// Longer than a busy machine needs for one exchange, shorter than any timeout of the product.
const SERVED_WITHIN: Duration = Duration::from_secs(5);
const HALF_HANDSHAKES: usize = 60;

/// A client that behaves, and what became of it.
pub(crate) struct Neighbour {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(u32, Duration)>,
}

impl Neighbour {
    /// Signs in through the Edge, where the strangers are, until it is told to stop.
    fn start(mut client: SipClient, user: User) -> Self {
        let contact = "sip:neighbour@tester.invalid;transport=tls";
        Self::signing_in(move || {
            let answer = client.register(&user, Some(contact)).unwrap();
            assert_eq!(answer.status(), 200);
        })
    }

    /// The same as an agent at a Front End, over whatever carries it; over UDP it sends once, and an answer must come.
    pub(crate) fn at_home(mut agent: Agent) -> Self {
        Self::signing_in(move || {
            let registration = agent.registration();
            agent.sign_in(registration).unwrap();
        })
    }

    fn signing_in(mut sign_in: impl FnMut() + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut served, mut longest) = (0, Duration::ZERO);
            // At least one exchange begins after all else is over.
            let mut is_last = false;
            while !is_last {
                is_last = told.load(Ordering::Relaxed);
                let began = Instant::now();
                sign_in();
                longest = longest.max(began.elapsed());
                served += 1;
            }
            (served, longest)
        });
        Self { stop, thread }
    }

    pub(crate) fn was_served(self) {
        self.stop.store(true, Ordering::Relaxed);
        let (served, longest) = self.thread.join().unwrap();
        assert!(
            longest < SERVED_WITHIN,
            "one of {served} exchanges took {longest:?}"
        );
    }
}

/// One door of a running machine.
struct Entry<'a> {
    site: &'a Site,
    machine: &'static str,
    name: &'static str,
    at: SocketAddr,
    manner: Manner,
}

impl<'a> Entry<'a> {
    fn both(site: &'a Site) -> [Self; 2] {
        let entry = |machine, name, row| Self {
            site,
            machine,
            name,
            at: site.address(machine, row),
            manner: site.phone_manner(),
        };
        [
            entry(DIR01, DIR01, flow::SIGN_IN),
            entry(EDGE01, OUTSIDE, flow::OUTSIDE),
        ]
    }

    fn connect(&self) -> SipClient {
        SipClient::new(Wire::connect(&self.manner, self.at, self.name).unwrap())
    }

    fn count(&self, counter: &str) -> u64 {
        self.site.report(self.machine).count(counter)
    }

    fn wait_counted(&self, counter: &str, at_least: u64, what: &str) {
        let counted = || (self.count(counter) >= at_least).then_some(());
        assert!(
            wait::until(SOON, counted).is_some(),
            "{what}: {counter} of {} stays",
            self.machine
        );
    }

    fn suffer(&self, case: &Case) {
        let mut client = self.connect();
        // The server may close while it still comes.
        let _ = client.wire().send(&case.bytes);
        let what = format!("{} at {}", case.name, self.machine);
        match case.fate {
            Fate::Answered(status) => {
                assert_eq!(
                    client.answer(PATIENCE).expect(&what).status(),
                    status,
                    "{what}"
                );
                assert_eq!(
                    client.options(self.name).expect(&what),
                    200,
                    "{what}: goes on"
                );
            }
            Fate::AnsweredAndClosed(status) => {
                assert_eq!(
                    client.answer(PATIENCE).expect(&what).status(),
                    status,
                    "{what}"
                );
                self.is_closed(&mut client, &what);
            }
            Fate::Closed => self.is_closed(&mut client, &what),
        }
    }

    fn is_closed(&self, client: &mut SipClient, what: &str) {
        let (rest, _) = client.wire().drain(Instant::now() + PATIENCE).expect(what);
        assert!(
            rest.is_empty(),
            "{what}: {}",
            String::from_utf8_lossy(&rest)
        );
    }
}

pub(crate) fn neighbour(site: &Site, users: &[User]) -> Neighbour {
    Neighbour::start(site.phone_outside(), users[0].clone())
}

#[test]
fn messages_that_break_the_rules_are_answered_or_closed_and_counted() {
    let site = Site::new();
    let product = site.up();
    let neighbour = neighbour(&site, &product.facts().users);
    for entry in Entry::both(&site) {
        let cases = cases(entry.name);
        for case in &cases {
            entry.suffer(case);
        }
        // Nobody else sends nonsense here, so each case was counted, and counted once.
        entry.wait_counted("malformed", cases.len() as u64, "all cases");
        assert_eq!(entry.count("malformed"), cases.len() as u64);
    }
    neighbour.was_served();
}

#[test]
fn slow_folded_and_broken_off_messages_harm_nobody() {
    let site = Site::new();
    let product = site.up();
    let neighbour = neighbour(&site, &product.facts().users);
    for entry in Entry::both(&site) {
        // A byte at a time is slow, not wrong.
        let mut client = entry.connect();
        for byte in Sample::of(entry.name).bytes() {
            client.wire().send(&[byte]).unwrap();
        }
        assert_eq!(
            client.answer(PATIENCE).unwrap().status(),
            200,
            "a byte at a time"
        );

        // Folding is allowed (RFC 3261 7.3.1), however deep, within the size of a head.
        let folded = format!("Subject: x{}\r\n", "\r\n y".repeat(3_000));
        client
            .wire()
            .send(&Sample::of(entry.name).with(&folded).bytes())
            .unwrap();
        assert_eq!(client.answer(PATIENCE).unwrap().status(), 200, "folded");

        // Broken off in the head, and in the body.
        let whole = Sample::of(entry.name)
            .long("Content-Length: 100\r\n", b"short")
            .bytes();
        for cut in [whole.len() / 2, whole.len()] {
            let mut client = entry.connect();
            client.wire().send(&whole[..cut]).unwrap();
            client.wire().finish().unwrap();
            entry.is_closed(&mut client, "broken off");
        }
    }
    neighbour.was_served();
}

#[test]
fn half_handshakes_are_given_up_and_counted() {
    let site = Site::new();
    let product = site.up();
    let neighbour = neighbour(&site, &product.facts().users);
    let entries = Entry::both(&site);
    let silent = entries.each_ref().map(Entry::half_handshakes);
    for (entry, silent) in entries.iter().zip(silent) {
        assert_eq!(
            entry.connect().options(entry.name).unwrap(),
            200,
            "others come in"
        );
        let hung_up = entry.half_handshakes().len() as u64;
        entry.wait_counted("refused_other", hung_up, "hung up");
        for mut half in silent {
            let mut rest = Vec::new();
            // An alert may come before the end.
            let _ended = half.read_to_end(&mut rest);
            assert!(rest.len() < 16, "{rest:?}");
        }
        entry.wait_counted("refused_slow", HALF_HANDSHAKES as u64, "silent");
        let gone = || (entry.count("handshakes") == 0).then_some(());
        assert!(
            wait::until(SOON, gone).is_some(),
            "handshakes of {} remain",
            entry.machine
        );
    }
    neighbour.was_served();
}

impl Entry<'_> {
    /// Begins handshakes with the head of a record that promises a hello, and sends nothing of it.
    fn half_handshakes(&self) -> Vec<TcpStream> {
        let begin = |_| {
            let mut half = TcpStream::connect(self.at).unwrap();
            half.set_read_timeout(Some(PATIENCE)).unwrap();
            half.write_all(&[22, 3, 1, 2, 0, 1, 0]).unwrap();
            half
        };
        (0..HALF_HANDSHAKES).map(begin).collect()
    }
}
