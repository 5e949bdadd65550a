//! The names of the reference topology, asked for over real sockets, by hand and by `dig`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base::net::Face;
use dns::AllUp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use topology::{Topology, View};

use super::serve::CONNECTIONS_MAX;
use super::{Listening, Names, Socket, bind, serve, zone};

const REFERENCE: &str = include_str!("../../../../examples/reference.toml");
const PATIENCE: Duration = Duration::from_secs(20);
/// Asks for the addresses of `sip.contoso.com`.
const SIP: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03sip\x07contoso\x03com\0\0\x01\0\x01";

mod dig {
    //! `dig` as a foreign client.

    use super::*;

    #[tokio::test]
    async fn resolves_a_pool_over_udp_and_tcp() {
        let Some(site) = Site::for_dig("resolves_a_pool_over_udp_and_tcp") else {
            return;
        };
        for over in ["+notcp", "+tcp"] {
            let answer = site
                .dig(&[over, "+short", "dirpool01.contoso.net", "A"])
                .await;
            assert_eq!(lines(&answer), ["10.0.0.11", "10.0.0.12"], "{over}");
        }
        let counted = site.counted();
        assert_eq!(
            (
                counted["queries_udp"],
                counted["queries_tcp"],
                counted["answered"]
            ),
            (1, 1, 2)
        );
    }

    #[tokio::test]
    async fn finds_the_way_a_phone_goes() {
        let Some(site) = Site::for_dig("finds_the_way_a_phone_goes") else {
            return;
        };
        let inside = site
            .dig(&["+short", "_sipinternaltls._tcp.contoso.com", "SRV"])
            .await;
        assert_eq!(lines(&inside), ["0 0 5061 sip.contoso.com."]);
        let inside = site.dig(&["+short", "sip.contoso.com", "A"]).await;
        assert_eq!(lines(&inside), ["10.0.0.11", "10.0.0.12"]);
        let outside = site
            .dig_outside(&["+short", "_sip._tls.contoso.com", "SRV"])
            .await;
        assert_eq!(lines(&outside), ["0 0 443 sip.contoso.com."]);
        let outside = site.dig_outside(&["+short", "sip.contoso.com", "A"]).await;
        assert_eq!(lines(&outside), ["203.0.113.10"]);
    }

    #[tokio::test]
    async fn leaves_a_record_of_what_it_was_told_and_what_was_left_out() {
        let test = "leaves_a_record_of_what_it_was_told_and_what_was_left_out";
        let Some(site) = Site::for_dig(test) else {
            return;
        };
        site.dig(&["+short", "dirpool01.contoso.net", "A"]).await;
        site.dig(&["nobody.contoso.com", "AAAA"]).await;
        site.dig(&["www.example.org", "A"]).await;
        let told = site.notebook.records();
        let words: Vec<_> = told
            .iter()
            .map(|it| {
                (
                    it.decision.as_deref().unwrap(),
                    it.request.as_deref().unwrap(),
                )
            })
            .collect();
        let expected = [
            ("answered", "dirpool01.contoso.net"),
            ("no_such_name", "nobody.contoso.com"),
            ("refused", "www.example.org"),
        ];
        assert_eq!(words, expected);
        let reason = told[0].reason.as_deref().unwrap();
        assert!(
            reason.contains("NOERROR") && reason.contains("A 10.0.0.12"),
            "{reason}"
        );
        assert_eq!(told[1].method.as_deref(), Some("AAAA"));
        assert_eq!(told[2].level, logs::Level::Warning);
        assert!(told[2].reason.as_deref().unwrap().contains("REFUSED"));
        assert!(told[0].peer.is_some_and(|peer| peer.ip().is_loopback()));
    }

    #[tokio::test]
    async fn is_told_what_does_not_exist_and_what_is_not_ours() {
        let Some(site) = Site::for_dig("is_told_what_does_not_exist_and_what_is_not_ours") else {
            return;
        };
        for (words, expected) in [
            (
                ["nobody.contoso.com", "A"],
                ["status: NXDOMAIN", "flags: qr aa rd;"],
            ),
            (
                ["nobody.contoso.com", "A"],
                ["SOA\tdns01.contoso.net.", "AUTHORITY: 1"],
            ),
            (
                ["sip.contoso.com", "AAAA"],
                ["status: NOERROR", "ANSWER: 0"],
            ),
            (
                ["contoso.net", "NS"],
                ["NS\tdns01.contoso.net.", "A\t10.0.0.53"],
            ),
            (["www.example.org", "A"], ["status: REFUSED", "ANSWER: 0"]),
            (
                ["sip.contoso.com", "ANY"],
                ["status: NOERROR", "HINFO\t\"RFC8482\" \"\""],
            ),
        ] {
            let answer = site.dig(&words).await;
            for text in expected {
                assert!(answer.contains(text), "{words:?} lacks {text:?}:\n{answer}");
            }
        }
        let outside = site.dig_outside(&["dir01.contoso.net", "A"]).await;
        assert!(outside.contains("status: REFUSED"), "{outside}");
    }
}

#[tokio::test]
async fn one_connection_takes_many_queries_and_ends_at_nonsense() {
    let site = Site::new();
    let mut stream = site.connect().await;
    for _ in 0..3 {
        assert_eq!(ask(&mut stream).await.len(), SIP.len() + 2 * 16);
    }
    stream.write_all(&[0, 3, 1, 2, 3]).await.unwrap();
    assert_closed(&mut stream).await;
    let counted = site.counted();
    assert_eq!(
        (
            counted["queries_tcp"],
            counted["silent"],
            counted["connections"]
        ),
        (4, 1, 1)
    );
}

#[tokio::test]
async fn a_slow_connection_ends_when_its_time_is_up() {
    let site = Site::new();
    let mut stream = site.connect().await;
    ask(&mut stream).await;
    stream.write_all(&SIP[..5]).await.unwrap();
    // The paused clock jumps to the next deadline whenever nothing else is to be done.
    tokio::time::pause();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(site.counted()["connections_cut"], 1);
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_until_one_ends() {
    let site = Site::new();
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut stream = site.connect().await;
        ask(&mut stream).await;
        streams.push(stream);
    }
    let mut late = site.connect().await;
    late.write_all(&framed(SIP)).await.unwrap();
    assert_eq!(site.counted()["connections"], CONNECTIONS_MAX as u64);
    streams.pop();
    assert_eq!(answer(&mut late).await.len(), SIP.len() + 2 * 16);
    assert_eq!(site.counted()["connections"], CONNECTIONS_MAX as u64 + 1);
    assert_eq!(site.counted()["connections_cut"], 0, "nobody's time was up");
}

#[tokio::test]
async fn another_zone_takes_effect_in_the_middle_of_a_connection() {
    let site = Site::new();
    let mut stream = site.connect().await;
    ask(&mut stream).await;
    let moved = REFERENCE.replace("10.0.0.12", "10.0.0.13");
    site.names.replace(zone(&view(&moved)).unwrap());
    let answer = ask(&mut stream).await;
    let contains = |address: &[u8; 4]| answer.windows(4).any(|bytes| bytes == address);
    assert!(contains(&[10, 0, 0, 13]) && !contains(&[10, 0, 0, 12]));
}

#[tokio::test]
async fn it_ends_with_its_future() {
    let site = Site::new();
    let mut stream = site.connect().await;
    ask(&mut stream).await;
    site.serving.abort();
    assert_closed(&mut stream).await;
}

#[test]
fn the_domains_are_those_of_users_and_of_machines() {
    let listed = |text: &str, face| zone(&view(text)).unwrap().origins(face).collect::<Vec<_>>();
    assert_eq!(
        listed(REFERENCE, Face::Inside),
        ["contoso.com", "contoso.net"]
    );
    assert_eq!(listed(REFERENCE, Face::Outside), ["contoso.com"]);
    // A web name elsewhere brings its domain, one within another domain does not.
    let elsewhere = REFERENCE.replace("webdirexternal.contoso.com", "web.contoso.org");
    assert_eq!(
        listed(&elsewhere, Face::Outside),
        ["contoso.com", "contoso.org"]
    );
    let within = REFERENCE.replace("webdirexternal.contoso.com", "web.eu.contoso.com");
    assert_eq!(listed(&within, Face::Outside), ["contoso.com"]);
    // Above a name of two labels is nothing that could be ours.
    let bare = REFERENCE.replace("webdirexternal.contoso.com", "contoso.org");
    assert_eq!(listed(&bare, Face::Outside), ["contoso.com", "contoso.org"]);
}

#[test]
fn every_record_of_every_sample_is_in_the_zone() {
    for text in [
        REFERENCE,
        include_str!("../../../../examples/single-director.toml"),
        include_str!("../../../../examples/small-office.toml"),
    ] {
        let topology = Topology::parse(text, "sample").unwrap();
        let fqdn = topology.machines().first().unwrap().fqdn.clone();
        let view = topology.view(fqdn.as_str()).unwrap();
        let zone = zone(&view).unwrap();
        for record in &view.records {
            assert!(zone.has(record.face, &record.name), "{}", record.name);
        }
    }
}

#[test]
fn the_listeners_of_the_flow_table_are_opened_and_no_others() {
    assert_eq!(
        bind(&view_of(REFERENCE, "dir01.contoso.net"))
            .unwrap()
            .len(),
        0
    );
    // Another program may take a free port before it is opened here.
    let opened = (0..10).find_map(|_| {
        let (udp, _tcp) = pair();
        let port = udp.local_addr().unwrap().port();
        let text = REFERENCE.replace("version = 1", &format!("version = 1\nports.dns = {port}"));
        let topology = Topology::parse(&text, "sample").unwrap();
        let view = topology
            .on_loopback([127, 83, 0, 1].into())
            .view("dns01.contoso.net")
            .unwrap();
        let opened = bind(&view).ok()?;
        Some((view, opened))
    });
    let (view, opened) = opened.unwrap();
    let addresses: Vec<SocketAddr> = opened
        .iter()
        .map(|one| one.socket.address().unwrap())
        .collect();
    let wanted = SocketAddr::new(view.machine.address, view.ports.number(topology::Port::Dns));
    assert_eq!(addresses, [wanted, wanted]);
    let error = bind(&view).unwrap_err();
    assert_eq!(error.address, wanted);
    assert_eq!(error.source.kind(), std::io::ErrorKind::AddrInUse);
}

/// The DNS machine of the reference topology at work on loopback, one pair of sockets for each face.
struct Site {
    names: Arc<Names>,
    inside: SocketAddr,
    outside: SocketAddr,
    serving: JoinHandle<()>,
    notebook: traces::Notebook,
    _traced: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let traced = tempfile::tempdir().unwrap();
        let notebook = traces::Notebook::open(traced.path()).unwrap();
        let names = Names::new(zone(&view(REFERENCE)).unwrap(), Arc::new(AllUp));
        let names = Arc::new(names.recorded_by(notebook.recorder()));
        let mut listening = Vec::new();
        let mut open = |face| {
            let (udp, tcp) = pair();
            let address = udp.local_addr().unwrap();
            listening.push(Listening {
                socket: Socket::Udp(udp),
                face,
            });
            listening.push(Listening {
                socket: Socket::Tcp(tcp),
                face,
            });
            address
        };
        let (inside, outside) = (open(Face::Inside), open(Face::Outside));
        let shared = Arc::clone(&names);
        let serving = tokio::spawn(async move { serve(listening, shared, [5; 32]).await.unwrap() });
        Self {
            names,
            inside,
            outside,
            serving,
            notebook,
            _traced: traced,
        }
    }

    /// Starts for a test that needs `dig`; says so aloud where there is none, and fails where that must not be.
    fn for_dig(test: &str) -> Option<Self> {
        if Command::new("dig").arg("-v").output().is_ok() {
            return Some(Self::new());
        }
        // Past the capture of the test harness; there is nobody to tell when the error output is closed.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED names::tests::dig::{test}: dig is not installed"
        );
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "dig is not installed"
        );
        None
    }

    async fn dig(&self, words: &[&str]) -> String {
        run_dig(self.inside, words).await
    }

    async fn dig_outside(&self, words: &[&str]) -> String {
        run_dig(self.outside, words).await
    }

    async fn connect(&self) -> TcpStream {
        timeout(PATIENCE, TcpStream::connect(self.inside))
            .await
            .unwrap()
            .unwrap()
    }

    fn counted(&self) -> BTreeMap<&'static str, u64> {
        let each = self.names.counters().each();
        each.into_iter()
            .map(|(name, _, _, value)| (name, value))
            .collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn run_dig(at: SocketAddr, words: &[&str]) -> String {
    let mut dig = Command::new("dig");
    dig.arg(format!("@{}", at.ip()))
        .args(["-p", &at.port().to_string()]);
    // Nothing from a settings file of whoever runs the tests.
    dig.args(["-r", "+tries=1", "+time=10", "+norec", "+rec"])
        .args(words);
    let output = tokio::task::spawn_blocking(move || dig.output())
        .await
        .unwrap()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "dig {words:?} failed:\n{text}");
    text
}

fn lines(answer: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = answer.lines().collect();
    lines.sort_unstable();
    lines
}

/// Opens UDP and TCP on the same free port of loopback.
fn pair() -> (UdpSocket, TcpListener) {
    let opened = (0..100).find_map(|_| {
        let tcp = TcpListener::bind("127.0.0.1:0").ok()?;
        let udp = UdpSocket::bind(tcp.local_addr().ok()?).ok()?;
        Some((udp, tcp))
    });
    opened.expect("no port is free for both")
}

fn view(text: &str) -> View {
    view_of(text, "dns01.contoso.net")
}

fn view_of(text: &str, machine: &str) -> View {
    Topology::parse(text, "sample")
        .unwrap()
        .view(machine)
        .unwrap()
}

fn framed(query: &[u8]) -> Vec<u8> {
    let length = u16::try_from(query.len()).unwrap();
    [&length.to_be_bytes(), query].concat()
}

async fn ask(stream: &mut TcpStream) -> Vec<u8> {
    stream.write_all(&framed(SIP)).await.unwrap();
    answer(stream).await
}

async fn answer(stream: &mut TcpStream) -> Vec<u8> {
    let read = async {
        let length = stream.read_u16().await.unwrap();
        let mut bytes = vec![0; usize::from(length)];
        stream.read_exact(&mut bytes).await.unwrap();
        bytes
    };
    timeout(PATIENCE, read).await.unwrap()
}

/// Asserts that the other side is gone, in whichever way the system says it.
async fn assert_closed(stream: &mut TcpStream) {
    let read = timeout(PATIENCE, stream.read(&mut [0])).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}
