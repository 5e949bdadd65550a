//! Tries at listeners that behave in one way each: what was found says in which.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base::net::{Face, Peer, Role, Server};
use firewall::matrix::{Expected, Found, Proof, Question, Target, Try, Wanted};
use pki::{Need, State};
use runtime::tls::stream::accept;
use runtime::tls::{Auth, Identify, Store, Stranger};
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use topology::flows::Carrier;

use super::{Identity, Pace, Prober};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const NEAR: &str = "dir01.contoso.net";
const FAR: &str = "fe01.contoso.net";
const LIMIT: Duration = Duration::from_secs(5);

/// Two machines of one authority.
struct Site {
    state: State,
    _folder: TempDir,
}

/// Takes every certificate of the authority for a server of ours.
struct Everybody;

impl Identify for Everybody {
    fn identify(&self, names: &[String], _face: Face) -> Result<Peer, Stranger> {
        let name: Arc<str> = names.first().ok_or(Stranger)?.as_str().into();
        Ok(Peer::Server(Arc::new(Server {
            pool: Arc::clone(&name),
            name,
            role: Role::Director,
        })))
    }
}

impl Site {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let state = State::new(folder.path());
        let needs = [NEAR, FAR].map(|machine| Need {
            machine: machine.to_owned(),
            face: Face::Inside,
            names: vec![machine.to_owned()],
            wildcard: Vec::new(),
        });
        pki::ensure(&state, "tests", &needs, &[], OffsetDateTime::now_utc()).unwrap();
        Self {
            state,
            _folder: folder,
        }
    }

    /// Listens as the far machine in this mode; whoever is let in gets these bytes for whatever they say.
    async fn listen(&self, auth: Auth, answer: &'static str) -> SocketAddr {
        let store = Store::open(&self.state.tls(FAR, Face::Inside)).unwrap();
        let (listener, at) = bind().await;
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let accepted = accept(stream, &store, auth, Face::Inside, &Everybody, LIMIT).await;
                if let Ok((stream, _)) = accepted {
                    reply(stream, answer).await;
                }
            }
        });
        at
    }

    /// Makes one try, as the near machine or without a certificate.
    async fn make(&self, as_machine: bool, one: Try) -> Found {
        let folder = self.state.tls(NEAR, Face::Inside);
        let identity = if as_machine {
            Identity::machine(&folder)
        } else {
            Identity::stranger(&folder.join("ca.pem"))
        };
        let pace = Pace {
            patience: Duration::from_secs(2),
            ..Pace::default()
        };
        let prober = Prober::new(identity.unwrap(), pace);
        let found = prober.carry_out(&[one], [7; 32], || ()).await;
        found.into_iter().next().unwrap()
    }
}

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((HERE, 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

async fn reply(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) {
    // The other side may have seen enough and be gone.
    let _said = stream.read(&mut [0; 4096]).await;
    let _sent = stream.write_all(answer.as_bytes()).await;
    let _ended = stream.shutdown().await;
}

/// The same without TLS.
async fn plainly(answer: &'static str) -> SocketAddr {
    let (listener, at) = bind().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            reply(stream, answer).await;
        }
    });
    at
}

fn wanted(at: SocketAddr, proof: Proof, question: Question, strangers_refused: bool) -> Try {
    Try {
        from: Some(HERE),
        to: Target {
            name: FAR.to_owned(),
            socket: at,
            carrier: Carrier::Tcp,
        },
        expected: Expected::Wanted(Wanted {
            rows: vec![0],
            flows: vec![13],
            proof,
            name: FAR.to_owned(),
            question,
            passed_on: false,
            strangers_refused,
        }),
    }
}

fn said(text: &str) -> String {
    text.to_owned()
}

const WELL: &str = "SIP/2.0 200 OK\r\n\r\n";

#[tokio::test]
async fn a_mutual_listener_asks_who_comes_and_lets_no_stranger_in() {
    let site = Site::new();
    let cases = [
        (Auth::Required, Found::Answered),
        (Auth::Optional, Found::StrangerLetIn),
        (Auth::None, Found::NoCertificateAsked),
    ];
    for (auth, expected) in cases {
        let at = site.listen(auth, WELL).await;
        let one = wanted(at, Proof::Both, Question::Options, true);
        assert_eq!(site.make(true, one).await, expected, "{auth:?}");
    }
    // Where clients come too, nobody minds a stranger.
    let at = site.listen(Auth::Optional, WELL).await;
    let one = wanted(at, Proof::Both, Question::Options, false);
    assert_eq!(site.make(true, one).await, Found::Answered);
}

#[tokio::test]
async fn for_a_stranger_it_is_right_to_be_refused_by_servers_and_answered_elsewhere() {
    let site = Site::new();
    let refused = site.listen(Auth::Required, WELL).await;
    let one = wanted(refused, Proof::Both, Question::Handshake, true);
    assert_eq!(site.make(false, one).await, Found::Answered);
    let let_in = site.listen(Auth::Optional, WELL).await;
    let one = wanted(let_in, Proof::Both, Question::Options, true);
    assert_eq!(site.make(false, one).await, Found::StrangerLetIn);
    let phone = site
        .listen(Auth::Optional, "SIP/2.0 403 Forbidden\r\n\r\n")
        .await;
    let one = wanted(phone, Proof::Listener, Question::Options, false);
    assert_eq!(site.make(false, one).await, Found::Answered);
}

#[tokio::test]
async fn what_is_answered_is_told_apart() {
    let site = Site::new();
    let cases = [
        (
            "SIP/2.0 503 Draining\r\n\r\n",
            Found::Unhealthy { said: said("503") },
        ),
        (
            "SIP/2.0 403 Forbidden\r\n\r\n",
            Found::NotLetIn { said: said("403") },
        ),
        (
            "220 mail\r\n\r\n",
            Found::WrongRole {
                said: said("no SIP"),
            },
        ),
        ("", Found::Closed),
    ];
    for (answer, expected) in cases {
        let at = site.listen(Auth::Required, answer).await;
        let one = wanted(at, Proof::Both, Question::Options, true);
        assert_eq!(site.make(true, one).await, expected, "{answer:?}");
    }
}

#[tokio::test]
async fn a_site_is_known_by_the_form_of_its_health() {
    let site = Site::new();
    let cases = [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"status\":\"pass\"}",
            Found::Answered,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nIt works!",
            Found::WrongRole {
                said: said("HTTP 200"),
            },
        ),
        (
            "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
            Found::Unhealthy { said: said("503") },
        ),
        (
            "SSH-2.0-OpenSSH_9.2\r\n",
            Found::WrongRole {
                said: said("no HTTP"),
            },
        ),
    ];
    for (answer, expected) in cases {
        let at = plainly(answer).await;
        let one = wanted(at, Proof::Nobody, Question::Health, false);
        assert_eq!(site.make(true, one).await, expected, "{answer:?}");
    }
    let shell = plainly("SSH-2.0-OpenSSH_9.2\r\n").await;
    let one = wanted(shell, Proof::Nobody, Question::Banner, false);
    // It waits for a word of ours first, which no server of SSH does.
    assert_eq!(site.make(false, one).await, Found::Mute);
}

#[tokio::test]
async fn a_clock_repeats_the_time_that_it_was_asked_with() {
    let site = Site::new();
    for (stratum, expected) in [
        (2, Found::Answered),
        (
            16,
            Found::Unhealthy {
                said: said("stratum 16"),
            },
        ),
    ] {
        let clock = UdpSocket::bind((HERE, 0)).await.unwrap();
        let at = clock.local_addr().unwrap();
        tokio::spawn(async move {
            let mut packet = [0; 48];
            let (_, from) = clock.recv_from(&mut packet).await.unwrap();
            let mut answer = [0; 48];
            answer[0] = 0x24;
            answer[1] = stratum;
            // One that repeats nothing is passed over.
            clock.send_to(&answer, from).await.unwrap();
            answer[24..32].copy_from_slice(&packet[40..48]);
            clock.send_to(&answer, from).await.unwrap();
        });
        let mut one = wanted(at, Proof::Nobody, Question::Time, false);
        one.to.carrier = Carrier::Udp;
        assert_eq!(site.make(true, one).await, expected);
    }
}

#[tokio::test]
async fn what_is_left_when_the_time_is_over_was_not_tried() {
    let site = Site::new();
    let (_listener, at) = bind().await;
    let identity = Identity::stranger(&site.state.ca().join("ca.pem")).unwrap();
    let pace = Pace {
        patience: LIMIT,
        at_once: 1,
        whole: Duration::from_millis(50),
    };
    let one = wanted(at, Proof::Listener, Question::Options, false);
    let mut ended = 0;
    let found = Prober::new(identity, pace)
        .carry_out(&[one.clone(), one], [7; 32], || ended += 1)
        .await;
    let over = |found: &Found| matches!(found, Found::Untried { .. });
    assert!(found.len() == 2 && found.iter().all(over), "{found:?}");
    assert_eq!(ended, 0);
}
