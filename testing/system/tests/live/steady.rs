//! Directors come and go while clients ask on: 500 requests a second by the VIP and 200 sign-ins a second straight to the
//! Directors. Each Director in turn is drained at the balancer, ended, started and given its share again, and nobody
//! notices. When one is killed, no more is lost than was under way on it.
//!
//! Clients do what good ones do, and no more. A browser asks on the connection that it has, or on a new one. A phone tries
//! the next Director when its connection is gone, as names with several addresses mean it to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use system::deployment::{Deployment, User};
use system::sip_client::SipClient;
use system::tls::{Manner, PATIENCE, Wire, WireError};
use system::wait;

use super::site::{DIR01, DIR02, FE01, Site, flow};
use super::websites::{LB01, ROOT, WEB, at, row};

const SOON: Duration = Duration::from_secs(60);
/// Browsers that keep their connections, and how often each asks; one more opens a connection for each request.
const KEEPING: (usize, Duration) = (8, Duration::from_micros(16_667));
const OPENING: Duration = Duration::from_millis(50);
/// Phones, and how often each signs in.
const PHONES: (usize, Duration) = (8, Duration::from_millis(40));
/// How much has to be asked before something else is done.
const SOME: usize = 300;

/// What has come of the turns of some clients.
#[derive(Default)]
struct Tally {
    stop: AtomicBool,
    asked: AtomicUsize,
    failed: AtomicUsize,
}

/// Clients of one kind, each a thread that takes its turn at a steady pace until all are told to stop.
struct Crowd {
    tally: Arc<Tally>,
    threads: Vec<JoinHandle<()>>,
    begun: Instant,
}

impl Crowd {
    fn new() -> Self {
        Self {
            tally: Arc::default(),
            threads: Vec::new(),
            begun: Instant::now(),
        }
    }

    /// Adds a client; `turn` tells whether it got what it wanted.
    fn add(&mut self, pace: Duration, mut turn: impl FnMut() -> bool + Send + 'static) {
        let tally = Arc::clone(&self.tally);
        self.threads.push(thread::spawn(move || {
            let mut next = Instant::now();
            while !tally.stop.load(Ordering::Relaxed) {
                if !turn() {
                    tally.failed.fetch_add(1, Ordering::Relaxed);
                }
                tally.asked.fetch_add(1, Ordering::Relaxed);
                next = (next + pace).max(Instant::now() - pace);
                thread::park_timeout(next.saturating_duration_since(Instant::now()));
            }
        }));
    }

    /// Waits until some more has been asked.
    fn go_on(&self) {
        let before = self.tally.asked.load(Ordering::Relaxed);
        let more = || (self.tally.asked.load(Ordering::Relaxed) > before + SOME).then_some(());
        wait::until(SOON, more).expect("somebody who asks");
    }

    fn failed(&self) -> usize {
        self.tally.failed.load(Ordering::Relaxed)
    }

    /// Stops them; tells how many asked in all, and how many a second that were.
    fn end(self) -> (usize, f64) {
        self.tally.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        let asked = self.tally.asked.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        let rate = asked as f64 / self.begun.elapsed().as_secs_f64();
        (asked, rate)
    }
}

/// Two Directors behind a VIP, each machine a process of its own.
struct Stage {
    site: Site,
    directors: [(&'static str, Deployment); 2],
    users: Vec<User>,
    _others: [Deployment; 2],
}

impl Stage {
    fn start() -> Self {
        let site = Site::new();
        site.prepare();
        let users = site.import(PHONES.0);
        let front_end = site.run(FE01);
        let directors = [DIR01, DIR02].map(|name| (name, site.run(name)));
        let balancer = site.run(LB01);
        let stage = Self {
            site,
            directors,
            users,
            _others: [front_end, balancer],
        };
        stage.wait_for_both();
        stage
    }

    fn wait_for_both(&self) {
        for name in [DIR01, DIR02] {
            self.wait_for(name, "up");
            let knows = || {
                let known = self.site.report(name).directory?;
                (known.users == self.users.len()).then_some(())
            };
            wait::until(SOON, knows).expect("a Director that knows its users");
        }
    }

    fn wait_for(&self, member: &str, state: &str) {
        let is = || {
            let balanced = self.site.report(LB01).balanced;
            let mut members = balanced.iter().flat_map(|pool| &pool.members);
            members
                .any(|one| one.member == member && one.state == state)
                .then_some(())
        };
        wait::until(SOON, is).unwrap_or_else(|| panic!("{member} is not {state}"));
    }

    fn browsers(&self) -> Crowd {
        let vip = at(&self.site, LB01, row::INTERNAL, "HTTPS");
        let manner = Manner::of_a_browser(&self.site.operator().root(), &["http/1.1"]).unwrap();
        let mut crowd = Crowd::new();
        for number in 0..=KEEPING.0 {
            let keeps = number < KEEPING.0;
            let pace = if keeps { KEEPING.1 } else { OPENING };
            let mut browser = Browser {
                manner: manner.clone(),
                vip,
                // The VIP keeps a client inside with its member: many addresses, many members.
                from: self.address(number),
                open: None,
                keeps,
            };
            crowd.add(pace, move || browser.turn());
        }
        crowd
    }

    fn phones(&self) -> Crowd {
        let directors = [DIR01, DIR02].map(|name| (self.site.address(name, flow::SIGN_IN), name));
        let mut crowd = Crowd::new();
        for (number, user) in self.users.iter().enumerate() {
            let mut phone = Phone {
                manner: self.site.phone_manner(),
                user: user.clone(),
                from: self.address(100 + number),
                directors,
                next: number,
                open: None,
            };
            crowd.add(PHONES.1, move || phone.turn());
        }
        crowd
    }

    fn address(&self, number: usize) -> IpAddr {
        let last = u8::try_from(50 + number).unwrap();
        self.site.block().address(last).into()
    }
}

struct Browser {
    manner: Manner,
    vip: SocketAddr,
    from: IpAddr,
    open: Option<Wire>,
    keeps: bool,
}

impl Browser {
    fn turn(&mut self) -> bool {
        let wire = match self.open.take() {
            Some(wire) => Ok(wire),
            None => Wire::connect_from(&self.manner, self.vip, WEB, Some(self.from)),
        };
        let answered = wire.and_then(ask);
        let went_well = answered.is_ok();
        self.open = answered.ok().flatten().filter(|_| self.keeps);
        went_well
    }
}

/// One request; returns the connection if it goes on.
fn ask(mut wire: Wire) -> Result<Option<Wire>, WireError> {
    wire.send(format!("HEAD {ROOT} HTTP/1.1\r\nHost: {WEB}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.extend_from_slice(&wire.receive(Instant::now() + PATIENCE)?);
    }
    let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 200 "), "{answer}");
    Ok(Some(wire).filter(|_| !answer.contains("connection: close")))
}

struct Phone {
    manner: Manner,
    user: User,
    from: IpAddr,
    directors: [(SocketAddr, &'static str); 2],
    next: usize,
    open: Option<SipClient>,
}

impl Phone {
    /// Signs in on the connection that it has, else at either Director.
    fn turn(&mut self) -> bool {
        let kept = self.open.take();
        if kept.is_some_and(|client| self.sign_in(client)) {
            return true;
        }
        (0..self.directors.len()).any(|_| {
            self.next += 1;
            let (at, name) = self.directors[self.next % self.directors.len()];
            let wire = Wire::connect_from(&self.manner, at, name, Some(self.from));
            wire.is_ok_and(|wire| self.sign_in(SipClient::new(wire)))
        })
    }

    fn sign_in(&mut self, mut client: SipClient) -> bool {
        let contact = format!("sip:phone@{}:5061;transport=tls", self.from);
        match client.register(&self.user, Some(&contact)) {
            Ok(answer) => {
                assert_eq!(answer.status(), 301, "{} is sent home", self.user.uri);
                self.open = Some(client);
                true
            }
            Err(_) => false,
        }
    }
}

#[test]
fn nobody_notices_a_director_that_drains_and_few_one_that_is_killed() {
    let mut stage = Stage::start();
    let (browsers, phones) = (stage.browsers(), stage.phones());
    let go_on = |when: &str| {
        browsers.go_on();
        phones.go_on();
        let failed = (browsers.failed(), phones.failed());
        assert_eq!(failed, (0, 0), "requests and sign-ins {when}");
    };
    go_on("at first");
    for place in 0..2 {
        let name = stage.directors[place].0;
        let answered = stage.site.report(name).web["answered"];
        assert!(answered > 0, "{name} has its share");
        stage.site.operator().done(&["drain", name], "").unwrap();
        stage.wait_for(name, "draining");
        go_on("while it drains");
        stage.directors[place].1.process().stop().unwrap();
        go_on("while it is gone");
        stage.directors[place].1.restart().unwrap();
        stage.site.operator().done(&["undrain", name], "").unwrap();
        stage.wait_for_both();
        go_on("when it is back");
    }

    stage.directors[1].1.kill().unwrap();
    browsers.go_on();
    phones.go_on();
    let (lost, unsigned) = (browsers.failed(), phones.failed());
    let most = KEEPING.0 + 1;
    assert!(
        lost <= most,
        "{lost} requests failed, of at most {most} under way"
    );
    assert_eq!(unsigned, 0, "the other Director signs everybody in");
    browsers.go_on();
    assert_eq!(browsers.failed(), lost, "after it was found out");
    let ((asked, rate), (signed, sign_ins)) = (browsers.end(), phones.end());
    println!(
        "{asked} requests at {rate:.0}/s, {signed} sign-ins at {sign_ins:.0}/s; {lost} requests failed when {DIR02} \
         was killed"
    );
}
