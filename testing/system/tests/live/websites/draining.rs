//! Directors that come and go behind the VIP while clients ask on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use system::tls::{Manner, PATIENCE, Wire, WireError};
use system::wait;

use super::super::site::{DIR01, DIR02, FE01, Site};
use super::{LB01, ROOT, WEB, at, row};

const SOON: Duration = Duration::from_secs(60);
/// Clients that keep their connections, and as many that open one for each request.
const CLIENTS: usize = 6;
/// One request of each client in this time: together a few hundred a second.
const PACE: Duration = Duration::from_millis(30);

/// Clients that ask by the VIP until they are told to stop.
struct Crowd {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn start(site: &Site, vip: SocketAddr) -> Self {
        let (stop, asked, failed) =
            <(Arc<AtomicBool>, Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let root = site.operator().root();
        let manner = Manner::of_a_browser(&root, &["http/1.1"]).unwrap();
        let client = |number: usize| {
            let (stop, asked, failed) =
                (Arc::clone(&stop), Arc::clone(&asked), Arc::clone(&failed));
            let manner = manner.clone();
            // The VIP keeps a client inside with its member: many addresses, many members.
            let from = site
                .block()
                .address(210 + u8::try_from(number).unwrap())
                .into();
            thread::spawn(move || {
                let mut open: Option<Wire> = None;
                while !stop.load(Ordering::Relaxed) {
                    let wire = match open.take() {
                        Some(wire) => Ok(wire),
                        None => Wire::connect_from(&manner, vip, WEB, Some(from)),
                    };
                    match wire.and_then(ask) {
                        Ok(kept) => open = kept.filter(|_| number < CLIENTS),
                        Err(_) => drop(failed.fetch_add(1, Ordering::Relaxed)),
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                    thread::park_timeout(PACE);
                }
            })
        };
        let threads = (0..2 * CLIENTS).map(client).collect();
        Self {
            stop,
            asked,
            failed,
            threads,
        }
    }

    /// Waits until each client has asked some more.
    fn go_on(&self) {
        let before = self.asked.load(Ordering::Relaxed);
        let more = || (self.asked.load(Ordering::Relaxed) > before + 100).then_some(());
        wait::until(SOON, more).expect("somebody who asks");
    }

    fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    fn end(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        (
            self.asked.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
        )
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

#[test]
fn no_request_fails_while_a_director_drains_and_few_when_one_is_killed() {
    let site = Site::new();
    site.prepare();
    let _front_end = site.run(FE01);
    let mut dir01 = site.run(DIR01);
    let mut dir02 = site.run(DIR02);
    let _balancer = site.run(LB01);
    let vip = at(&site, LB01, row::INTERNAL, "HTTPS");
    let both_up = || {
        let balanced = site.report(LB01).balanced;
        let members = balanced.iter().flat_map(|pool| &pool.members);
        let up = members.filter(|member| member.state == "up").count();
        (up == 2).then_some(())
    };
    wait::until(SOON, both_up).expect("two members");

    let crowd = Crowd::start(&site, vip);
    crowd.go_on();
    for director in [DIR01, DIR02] {
        assert!(
            site.report(director).web["answered"] > 0,
            "{director} has its share"
        );
    }
    dir01.process().stop().unwrap();
    crowd.go_on();
    assert_eq!(crowd.failed(), 0, "while {DIR01} drained");

    dir01.restart().unwrap();
    wait::until(SOON, both_up).expect("two members again");
    crowd.go_on();
    assert_eq!(crowd.failed(), 0, "when {DIR01} came back");

    dir02.kill().unwrap();
    crowd.go_on();
    let lost = crowd.failed();
    assert!(
        lost <= 2 * CLIENTS,
        "{lost} requests failed, of no more than {} under way",
        2 * CLIENTS
    );
    crowd.go_on();
    assert_eq!(crowd.failed(), lost, "after it was found out");
    let (asked, failed) = crowd.end();
    println!("{failed} of {asked} requests failed when {DIR02} was killed");
}
