//! Master and followers over real TLS on loopback.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::UnixMillis;
use base::net::{Face, Hop, Peer, Role, Server};
use directory::{Aor, CertificateId, Change, PoolName, User};
use hyper::{Method, Request, StatusCode};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use runtime::tls::{Identify, Store, Stranger};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::writing::{Publication, Refusal, Writer, publish};
use super::*;
use crate::directory_log::DirectoryLog;

const MASTER: &str = "fe01.contoso.net";
const DIRECTOR: &str = "dir01.contoso.net";
const EDGE: &str = "edge01.contoso.net";

#[tokio::test]
async fn a_new_follower_takes_the_whole_directory_and_then_every_change() {
    let site = Site::new();
    let master = site.master();
    master.put("alice", "one").await;
    master.put("bob", "one").await;
    let (address, _serving) = site.serve(&master, None, pace()).await;
    let director = site.machine(DIRECTOR);
    let (status, _following) = site.follow(&director, DIRECTOR, address, pace());
    until(|| status.read().snapshots == 1).await;
    assert!(director.name_of("bob").is_some());

    let begin = Instant::now();
    master.put("alice", "two").await;
    until(|| director.name_of("alice").as_deref() == Some("two")).await;
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "it took {:?}",
        begin.elapsed()
    );
    master.remove("bob").await;
    until(|| director.name_of("bob").is_none()).await;
    assert_eq!(director.own.log().last(), master.own.log().last());
    assert_eq!(director.own.log().id(), master.own.log().id());

    until(|| status.read().master_index == Some(master.own.log().last().0)).await;
    let status = status.read();
    assert!(status.is_connected && status.fault.is_none(), "{status:?}");
    assert_eq!((status.snapshots, status.connections), (1, 1));
    assert_eq!(status.master.as_deref(), Some(MASTER));
}

#[tokio::test]
async fn a_copy_serves_while_the_master_is_away_and_catches_up_without_a_snapshot() {
    let site = Site::new();
    let master = site.master();
    master.put("alice", "one").await;
    let (address, serving) = site.serve(&master, None, pace()).await;
    let director = site.machine(DIRECTOR);
    let (status, _following) = site.follow(&director, DIRECTOR, address, pace());
    until(|| status.read().snapshots == 1).await;

    stop(serving).await;
    until(|| !status.read().is_connected).await;
    assert_eq!(director.name_of("alice").as_deref(), Some("one"));
    assert!(status.read().fault.is_some());
    master.put("carol", "one").await;
    let _serving = site.serve(&master, Some(address), pace()).await;
    until(|| status.read().is_connected && director.name_of("carol").is_some()).await;
    let status = status.read();
    assert_eq!(status.snapshots, 1, "{status:?}");
    assert!(status.connections >= 2);
    let mut own = site.told(logs::Direction::Out);
    // How often a master that is away is told depends on how it is missed.
    own.retain(|decision| decision != "away");
    let expected = ["connected", "caught_up", "lost", "connected", "caught_up"];
    assert_eq!(own, expected);
    let masters = site.told(logs::Direction::In);
    assert!(
        masters.starts_with(&["snapshot".to_owned(), "follows".to_owned()]),
        "{masters:?}"
    );
}

#[tokio::test]
async fn a_copy_outlives_its_process() {
    let site = Site::new();
    let master = site.master();
    master.put("alice", "one").await;
    let (address, serving) = site.serve(&master, None, pace()).await;
    let director = site.machine(DIRECTOR);
    let (status, following) = site.follow(&director, DIRECTOR, address, pace());
    until(|| status.read().snapshots == 1).await;
    assert!(director.name_of("alice").is_some());
    drop(status);
    stop(following).await;
    stop(serving).await;

    let Machine { own, folder } = director;
    drop(own);
    let (own, _) = DirectoryLog::open(folder.path()).unwrap();
    let director = Machine { own, folder };
    assert_eq!(director.name_of("alice").as_deref(), Some("one"));
}

#[tokio::test]
async fn a_follower_that_is_too_far_behind_begins_again() {
    let site = Site::new();
    let master = site.master();
    master.put("alice", "one").await;
    master.put("bob", "one").await;
    let (address, serving) = site.serve(&master, None, pace()).await;
    let director = site.machine(DIRECTOR);
    let (status, following) = site.follow(&director, DIRECTOR, address, pace());
    until(|| status.read().snapshots == 1).await;
    stop(following).await;
    stop(serving).await;

    master.remove("bob").await;
    master.put("carol", "one").await;
    let log = master.own.log().clone();
    tokio::task::spawn_blocking(move || log.compact().unwrap())
        .await
        .unwrap();
    let (address, _serving) = site.serve(&master, None, pace()).await;
    let (status, _following) = site.follow(&director, DIRECTOR, address, pace());
    until(|| status.read().snapshots == 1).await;
    assert!(director.name_of("bob").is_none() && director.name_of("carol").is_some());
}

#[tokio::test]
async fn a_follower_of_another_history_takes_over_the_masters() {
    let site = Site::new();
    let master = site.master();
    master.put("alice", "one").await;
    let director = site.machine(DIRECTOR);
    for number in 0..5 {
        director.put(&format!("ghost{number}"), "old").await;
    }
    let (address, _serving) = site.serve(&master, None, pace()).await;
    let (_, _following) = site.follow(&director, DIRECTOR, address, pace());
    until(|| director.name_of("alice").is_some()).await;
    assert_eq!(director.own.directory().len(), 1);
    assert_eq!(director.own.log().last(), master.own.log().last());
}

#[tokio::test]
async fn thousands_of_users_arrive_as_they_are() {
    let site = Site::new();
    let master = site.master();
    let batch = (0..3000)
        .map(|number| put_bytes(&format!("user{number}"), &"x".repeat(200)))
        .collect();
    append(&master.own, batch).await;
    let (address, _serving) = site.serve(&master, None, pace()).await;
    let director = site.machine(DIRECTOR);
    let (_, _following) = site.follow(&director, DIRECTOR, address, pace());
    until(|| director.own.directory().len() == 3000).await;
    let batch = (0..3000)
        .map(|number| put_bytes(&format!("user{number}"), "new"))
        .collect();
    append(&master.own, batch).await;
    until(|| director.own.log().last() == master.own.log().last()).await;
    let all = |machine: &Machine| machine.own.directory().list(None, usize::MAX);
    assert_eq!(all(&director), all(&master));
}

#[tokio::test]
async fn an_edge_is_refused_though_its_certificate_is_good() {
    let site = Site::new();
    let master = site.master();
    master.put("alice", "one").await;
    let (address, _serving) = site.serve(&master, None, pace()).await;
    let edge = site.machine(EDGE);
    let (status, _following) = site.follow(&edge, EDGE, address, pace());
    until(|| status.read().fault.is_some()).await;
    let status = status.read();
    assert!(
        status.fault.as_deref().unwrap().contains("403"),
        "{status:?}"
    );
    assert!(!status.is_connected && edge.own.directory().is_empty());
    assert_eq!(site.told(logs::Direction::In)[0], "refused");
}

#[tokio::test]
async fn a_stranger_does_not_get_through_the_handshake() {
    let site = Site::new();
    let master = site.master();
    let (address, _serving) = site.serve(&master, None, pace()).await;
    let stranger = Site::new();
    let machine = stranger.machine(DIRECTOR);
    let (status, _following) = stranger.follow(&machine, DIRECTOR, address, pace());
    until(|| status.read().fault.is_some()).await;
    assert_eq!(status.read().master_index, None);
    assert!(!status.read().is_connected);
}

#[tokio::test]
async fn connections_that_never_finish_their_handshake_keep_no_follower_out() {
    let site = Site::new();
    let (master, director) = (site.master(), site.machine(DIRECTOR));
    // Far longer than the test: only giving way can let the follower in.
    let patient = Pace {
        patience: Duration::from_secs(600),
        ..pace()
    };
    let (address, _serving) = site.serve(&master, None, patient).await;
    let mut half_open = Vec::new();
    for _ in 0..2 * server::FOLLOWERS_MAX {
        half_open.push(tokio::net::TcpStream::connect(address).await.unwrap());
    }
    let (status, _following) = site.follow(&director, DIRECTOR, address, pace());
    until(|| status.read().is_connected).await;
}

#[tokio::test]
async fn a_master_that_falls_silent_is_given_up_and_tried_again() {
    let site = Site::new();
    let master = site.master();
    let silent = Pace {
        heartbeat: Duration::from_secs(3600),
        ..pace()
    };
    let (address, _serving) = site.serve(&master, None, silent).await;
    let director = site.machine(DIRECTOR);
    let impatient = Pace {
        silence: Duration::from_millis(50),
        ..pace()
    };
    let (status, _following) = site.follow(&director, DIRECTOR, address, impatient);
    until(|| status.read().connections >= 3).await;
}

#[tokio::test]
async fn every_request_has_its_answer() {
    let site = Site::new();
    let master = site.master();
    master.put("alice", "one").await;
    let log = master.own.log();
    let id = format!("{:016x}", log.id().0);
    let source = Source::new(log.clone(), pace());
    let ask = |peer: &Peer, method: &Method, path: &str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(())
            .unwrap();
        source.answer(peer, &request).status()
    };
    let good = format!("/directory/changes?log={id}&from=1");

    let director = peer(DIRECTOR, Role::Director);
    let paths = [
        (good.clone(), StatusCode::OK),
        ("/directory/snapshot".into(), StatusCode::OK),
        (
            format!("/directory/changes?log={id}&from=2"),
            StatusCode::GONE,
        ),
        ("/directory/changes?log=0&from=1".into(), StatusCode::GONE),
        ("/directory/changes".into(), StatusCode::BAD_REQUEST),
        (
            format!("/directory/changes?log={id}&from=-1"),
            StatusCode::BAD_REQUEST,
        ),
        (
            format!("/directory/changes?from=1&log={id}"),
            StatusCode::BAD_REQUEST,
        ),
        ("/directory".into(), StatusCode::NOT_FOUND),
    ];
    for (path, status) in paths {
        assert_eq!(ask(&director, &Method::GET, &path), status, "{path}");
    }
    assert_eq!(
        ask(&director, &Method::POST, &good),
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(
        ask(&peer(MASTER, Role::FrontEnd), &Method::GET, &good),
        StatusCode::OK
    );

    let servers = [
        Role::Edge,
        Role::ReverseProxy,
        Role::LoadBalancer,
        Role::Dns,
    ]
    .map(|role| peer("other", role));
    for peer in servers.into_iter().chain([
        Peer::Partner(vec!["fabrikam.com".into()].into()),
        Peer::Gateway("pstn".into()),
        Peer::Client,
    ]) {
        for path in [good.as_str(), "/directory/snapshot"] {
            assert_eq!(
                ask(&peer, &Method::GET, path),
                StatusCode::FORBIDDEN,
                "{peer:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_certificate_that_a_director_issued_is_written_at_the_master_or_refused_with_a_reason() {
    let site = Site::new();
    let master = site.master();
    let written: Arc<Mutex<Vec<Publication>>> = Arc::default();
    let noted = Arc::clone(&written);
    let writer: Writer = Arc::new(move |publication| {
        if publication.aor != aor("alice") {
            let reason = "there is no such user".to_owned();
            return Err(Refusal { reason });
        }
        noted.lock().unwrap().push(publication);
        Ok(())
    });
    let (address, _serving) = site
        .serve_writing(&master, None, pace(), Some(writer))
        .await;
    site.machine(DIRECTOR);
    site.machine(EDGE);
    let hop = Hop::inside(MASTER, address);
    let of = |user: &str| Publication {
        aor: aor(user),
        fingerprint: CertificateId([7; 32]),
        issued: 1,
        expires: 2,
    };
    let patience = Duration::from_secs(10);
    let director = site.tls(DIRECTOR);
    publish(&hop, &director, &of("alice"), patience)
        .await
        .unwrap();
    assert_eq!(*written.lock().unwrap(), [of("alice")]);
    let refused = publish(&hop, &director, &of("bob"), patience).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "the master of the directory refuses: there is no such user"
    );
    let edge = publish(&hop, &site.tls(EDGE), &of("alice"), patience).await;
    assert!(edge.unwrap_err().to_string().ends_with("403 Forbidden"));
    assert_eq!(written.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_copy_writes_nothing() {
    let site = Site::new();
    let copy = site.master();
    let (address, _serving) = site.serve(&copy, None, pace()).await;
    site.machine(DIRECTOR);
    let publication = Publication {
        aor: aor("alice"),
        fingerprint: CertificateId([7; 32]),
        issued: 1,
        expires: 2,
    };
    let hop = Hop::inside(MASTER, address);
    let tls = site.tls(DIRECTOR);
    let refused = publish(&hop, &tls, &publication, Duration::from_secs(10)).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.ends_with("405 Method Not Allowed"), "{refused}");
}

/// A deployment: its CA and whom it knows.
struct Site {
    authority: Issuer<'static, KeyPair>,
    authority_pem: String,
    credentials: TempDir,
    notebook: traces::Notebook,
}

/// A machine with its own directory log.
struct Machine {
    own: DirectoryLog,
    folder: TempDir,
}

struct Names(BTreeMap<&'static str, Role>);

impl Identify for Names {
    fn identify(&self, names: &[String], _face: Face) -> Result<Peer, Stranger> {
        let known = names
            .iter()
            .find_map(|name| Some((name, *self.0.get(name.as_str())?)));
        known.map(|(name, role)| peer(name, role)).ok_or(Stranger)
    }
}

impl Site {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority_pem = params.self_signed(&key).unwrap().pem();
        let credentials = TempDir::new().unwrap();
        let notebook = traces::Notebook::open(&credentials.path().join("traces")).unwrap();
        Self {
            notebook,
            authority: Issuer::new(params, key),
            authority_pem,
            credentials,
        }
    }

    fn recorder(&self) -> traces::Recorder {
        self.notebook.recorder()
    }

    /// What either side has told, in the words of decisions.
    fn told(&self, direction: logs::Direction) -> Vec<String> {
        let records = self.notebook.records().into_iter();
        let records = records.filter(|it| it.direction == Some(direction));
        let directory = records.filter(|it| it.component == logs::Component::Directory);
        directory
            .filter_map(|it| Some(it.decision?.to_string()))
            .collect()
    }

    fn master(&self) -> Machine {
        self.machine(MASTER)
    }

    fn machine(&self, name: &str) -> Machine {
        let folder = self.credentials.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        std::fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("ca.pem"), &self.authority_pem).unwrap();
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        std::fs::set_permissions(folder.join("key.pem"), Permissions::from_mode(0o600)).unwrap();
        let folder = TempDir::new().unwrap();
        let (own, _) = DirectoryLog::open(folder.path()).unwrap();
        Machine { own, folder }
    }

    fn tls(&self, name: &str) -> Arc<Store> {
        Arc::new(Store::open(&folder_of(self.credentials.path(), name)).unwrap())
    }

    async fn serve(
        &self,
        master: &Machine,
        at: Option<SocketAddr>,
        pace: Pace,
    ) -> (SocketAddr, JoinHandle<()>) {
        self.serve_writing(master, at, pace, None).await
    }

    async fn serve_writing(
        &self,
        master: &Machine,
        at: Option<SocketAddr>,
        pace: Pace,
        writer: Option<Writer>,
    ) -> (SocketAddr, JoinHandle<()>) {
        let listener = TcpListener::bind(at.unwrap_or_else(|| "127.0.0.1:0".parse().unwrap()))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let known = [
            (MASTER, Role::FrontEnd),
            (DIRECTOR, Role::Director),
            (EDGE, Role::Edge),
        ];
        let source = Source::new(master.own.log().clone(), pace).recorded_by(self.recorder());
        let source = match writer {
            Some(writer) => source.writing(writer),
            None => source,
        };
        let names = Arc::new(Names(known.into()));
        (
            address,
            tokio::spawn(serve(listener, self.tls(MASTER), names, source)),
        )
    }

    fn follow(
        &self,
        machine: &Machine,
        name: &str,
        master: SocketAddr,
        pace: Pace,
    ) -> (StatusHandle, JoinHandle<()>) {
        let hop = Hop::inside(MASTER, master);
        let follower = Follower::new(
            machine.own.clone(),
            vec![hop],
            None,
            self.tls(name),
            pace,
            [1; 32],
        )
        .recorded_by(self.recorder());
        let status = follower.status();
        let following = tokio::spawn(async {
            follower.run().await;
        });
        (status, following)
    }
}

impl Machine {
    async fn put(&self, user: &str, name: &str) {
        append(&self.own, vec![put_bytes(user, name)]).await;
    }

    async fn remove(&self, user: &str) {
        append(
            &self.own,
            vec![Change::Remove { aor: aor(user) }.encode().into()],
        )
        .await;
    }

    fn name_of(&self, user: &str) -> Option<String> {
        self.own
            .directory()
            .find(aor(user).as_str())
            .map(|user| user.display_name.clone())
    }
}

async fn append(own: &DirectoryLog, batch: Vec<bytes::Bytes>) {
    let log = own.log().clone();
    tokio::task::spawn_blocking(move || log.append_and_wait(batch).unwrap())
        .await
        .unwrap();
}

/// Ends a task and waits until it is gone with all that it held.
async fn stop(task: JoinHandle<()>) {
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}

/// Waits for a condition, with a deadline.
async fn until(condition: impl Fn() -> bool) {
    let waited = async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(Duration::from_secs(20), waited)
        .await
        .expect("the condition did not come true in time");
}

fn pace() -> Pace {
    Pace {
        heartbeat: Duration::from_millis(20),
        retry_first: Duration::from_millis(5),
        retry_last: Duration::from_millis(50),
        ..Pace::default()
    }
}

fn peer(name: &str, role: Role) -> Peer {
    Peer::Server(Arc::new(Server {
        name: name.into(),
        pool: name.into(),
        role,
    }))
}

fn folder_of(credentials: &Path, name: &str) -> std::path::PathBuf {
    credentials.join(name)
}

fn aor(user: &str) -> Aor {
    Aor::parse(&format!("{user}@contoso.com")).unwrap()
}

fn put_bytes(user: &str, name: &str) -> bytes::Bytes {
    let user = User {
        aor: aor(user),
        display_name: name.into(),
        home: PoolName::parse("fepool01.contoso.net").unwrap(),
        enabled: true,
        blocked: Vec::new(),
        certificates: Vec::new(),
        contacts: Vec::new(),
        verifiers: Vec::new(),
        created: UnixMillis(1),
        changed: UnixMillis(1),
    };
    user.encode_put().into()
}
