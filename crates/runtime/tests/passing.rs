//! Connections passed through: bytes both ways, ends, failures, silence, limits and drains.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use runtime::passing::{Arrival, Door, Ended, Moved, Onward, Passing, Setup, Switch, Times, start};
use runtime::worker::Bound;

const PATIENCE: Duration = Duration::from_secs(10);
const TIMES: Times = Times {
    connect: PATIENCE,
    idle: PATIENCE,
};

/// Tries the same places for everybody, in order.
#[derive(Default)]
struct List {
    places: Vec<SocketAddr>,
    header: &'static [u8],
    heard: Mutex<Vec<String>>,
}

impl List {
    fn hear(&self, what: String) {
        self.heard.lock().unwrap().push(what);
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Switch for List {
    type Way = usize;

    fn begin(&self, _: Arrival) -> usize {
        0
    }

    fn next(&self, way: &mut usize) -> Option<Onward> {
        let to = *self.places.get(*way)?;
        *way += 1;
        Some(Onward {
            to,
            from: None,
            header: self.header.to_vec(),
        })
    }

    fn failed(&self, way: &mut usize, _: &std::io::Error) {
        self.hear(format!("{way} failed"));
    }

    fn taken(&self, way: &mut usize) {
        self.hear(format!("{way} taken"));
    }

    fn ended(&self, way: usize, moved: Moved) {
        self.hear(format!("{way} ended {} {}", moved.inward, moved.outward));
    }
}

struct Site {
    passing: Passing,
    at: SocketAddr,
    list: Arc<List>,
}

fn site(list: List, times: Times, most: usize) -> Site {
    let bound = Bound::bind("127.0.0.1:0".parse().unwrap(), 2).unwrap();
    let at = bound.addr();
    let list = Arc::new(list);
    let setup = Setup {
        name: "pass".to_owned(),
        workers: 2,
        doors: vec![Door { bound, most }],
        switch: Arc::clone(&list),
        times,
    };
    Site {
        passing: start(setup).unwrap(),
        at,
        list,
    }
}

fn to(places: &[SocketAddr]) -> List {
    List {
        places: places.to_vec(),
        ..List::default()
    }
}

/// Serves one connection: says what it heard until its end, then how much that was.
fn member() -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let serve = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        let mut piece = [0; 30_000];
        loop {
            let length = stream.read(&mut piece).unwrap();
            if length == 0 {
                break;
            }
            stream.write_all(&piece[..length]).unwrap();
            all.extend(&piece[..length]);
        }
        stream.write_all(b"that was all").unwrap();
        all
    });
    (at, serve)
}

fn connect(site: &Site) -> TcpStream {
    let stream = TcpStream::connect(site.at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn many_bytes_go_both_ways_and_each_end_is_passed_on() {
    let (place, member) = member();
    let site = site(to(&[place]), TIMES, 10);
    let mut client = connect(&site);
    let sent: Vec<u8> = (0..3_000_000_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    let mut writer = client.try_clone().unwrap();
    let copy = sent.clone();
    let write = thread::spawn(move || {
        writer.write_all(&copy).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    write.join().unwrap();
    assert!(member.join().unwrap() == sent);
    assert!(back.strip_suffix(b"that was all").unwrap() == sent);
    let ended = site.passing.drain(PATIENCE);
    assert_eq!((ended.cut, ended.failed), (0, 0));
    let moved = format!("1 ended {} {}", sent.len(), back.len());
    assert_eq!(site.list.heard(), ["1 taken".to_owned(), moved]);
}

#[test]
fn the_next_place_is_tried_and_the_header_comes_before_everything() {
    let (place, member) = member();
    let list = List {
        header: b"for you: ",
        ..to(&[nobody(), nobody(), place])
    };
    let site = site(list, TIMES, 10);
    let mut client = connect(&site);
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut back = String::new();
    client.read_to_string(&mut back).unwrap();
    assert_eq!(back, "for you: hellothat was all");
    assert_eq!(member.join().unwrap(), b"for you: hello");
    let _ended = site.passing.drain(PATIENCE);
    let heard = site.list.heard();
    assert_eq!(heard[..3], ["1 failed", "2 failed", "3 taken"]);
}

#[test]
fn who_finds_nobody_is_let_go() {
    let site = site(to(&[nobody()]), TIMES, 10);
    let mut client = connect(&site);
    let mut back = Vec::new();
    assert_eq!(client.read_to_end(&mut back).unwrap_or(0), 0);
    let stats = site.passing.stats();
    let _ended = site.passing.drain(PATIENCE);
    assert_eq!(site.list.heard(), ["1 failed"]);
    let counted = |name: &str| stats.each().iter().find(|one| one.0 == name).unwrap().3;
    assert_eq!((counted("refused"), counted("open")), (1, 0));
}

#[test]
fn silence_ends_a_connection() {
    let (place, member) = member();
    let times = Times {
        idle: Duration::from_millis(100),
        ..TIMES
    };
    let site = site(to(&[place]), times, 10);
    let mut client = connect(&site);
    client.write_all(b"x").unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"x");
    assert_eq!(member.join().unwrap(), b"x");
    let stats = site.passing.stats();
    assert_eq!(site.passing.drain(PATIENCE).cut, 0);
    assert_eq!(
        stats.each().iter().find(|one| one.0 == "idle").unwrap().3,
        1
    );
}

#[test]
fn a_drain_waits_for_what_is_there_and_cuts_it_when_time_is_up() {
    let (place, member) = member();
    let site = site(to(&[place]), TIMES, 10);
    let mut client = connect(&site);
    client.write_all(b"x").unwrap();
    let mut back = [0; 1];
    client.read_exact(&mut back).unwrap();
    let cut = Ended {
        cut: 1,
        ..Ended::default()
    };
    assert_eq!(site.passing.drain(Duration::from_millis(100)), cut);
    assert_eq!(member.join().unwrap(), b"x");
    assert_eq!(site.list.heard(), ["1 taken", "1 ended 0 0"]);
    assert!(TcpStream::connect(site.at).is_err());
}

#[test]
fn a_full_door_lets_others_wait_outside() {
    let (place, member) = member();
    let site = site(to(&[place]), TIMES, 1);
    let mut first = connect(&site);
    first.write_all(b"x").unwrap();
    first.read_exact(&mut [0; 1]).unwrap();
    let mut second = connect(&site);
    second.write_all(b"y").unwrap();
    second
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    assert!(second.read(&mut [0; 1]).is_err(), "it is not served yet");
    drop(first);
    assert_eq!(member.join().unwrap(), b"x");
    // The member served one only, so that the second is refused as soon as it has its turn.
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut back = Vec::new();
    assert_eq!(second.read_to_end(&mut back).unwrap_or(0), 0);
    let _ended = site.passing.drain(PATIENCE);
}
