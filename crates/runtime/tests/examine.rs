//! What a handshake made to find out tells of the other side.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base::net::Face;
use runtime::reach;
use runtime::tls::examine::{Guise, Secured, Unsecured, examine, explain};
use runtime::tls::stream::accept;
use runtime::tls::{Auth, Store};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::authority::Authority;
use crate::rig::Known;

const LIMIT: Duration = Duration::from_secs(5);
const FE01: &str = "fe01.example.com";

/// A machine with a certificate, and the file of the authority that it believes.
struct Machine {
    folder: TempDir,
    store: Arc<Store>,
}

impl Machine {
    fn of(authority: &Authority, name: &str) -> Self {
        let folder = TempDir::new().unwrap();
        authority.furnish(folder.path(), &authority.issue(&[name]));
        let store = Arc::new(Store::open(folder.path()).unwrap());
        Self { folder, store }
    }

    fn stranger(&self) -> Guise {
        Guise::stranger(&self.folder.path().join("ca.pem")).unwrap()
    }

    /// Takes one connection in this mode, as long as the other side stays.
    async fn listen(&self, auth: Auth) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (at, store) = (listener.local_addr().unwrap(), Arc::clone(&self.store));
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let accepted = accept(stream, &store, auth, Face::Inside, &Known, LIMIT).await;
            if let Ok((mut stream, _)) = accepted {
                // The other side goes when it has seen enough.
                let _gone = stream.read(&mut [0]).await;
            }
        });
        at
    }
}

async fn look(at: SocketAddr, guise: &Guise, name: &str) -> Result<Secured, Unsecured> {
    let tcp = reach::connect(at, None, LIMIT).await.unwrap();
    examine(tcp, name, guise, LIMIT).await
}

#[tokio::test]
async fn whoever_is_asked_for_a_certificate_notices() {
    let authority = Authority::new();
    let near = Machine::of(&authority, "dir01.example.com");
    let far = Machine::of(&authority, FE01);
    let guise = Guise::server(&near.store);
    for (auth, asked) in [(Auth::Required, true), (Auth::None, false)] {
        let at = far.listen(auth).await;
        let secured = look(at, &guise, FE01)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(secured.asked_for_certificate, asked, "{auth:?}");
    }
}

#[tokio::test]
async fn a_stranger_hears_an_alert_after_the_handshake() {
    let authority = Authority::new();
    let far = Machine::of(&authority, FE01);
    let at = far.listen(Auth::Required).await;
    let secured = look(at, &far.stranger(), FE01).await;
    let mut stream = secured.unwrap_or_else(|error| panic!("{error}")).stream;
    let error = stream.read(&mut [0]).await.unwrap_err();
    let alert = "certificate required".to_owned();
    assert_eq!(explain(&error), Unsecured::Alert { alert });
}

#[tokio::test]
async fn names_and_authorities_are_told_apart() {
    let authority = Authority::new();
    let near = Machine::of(&authority, "dir01.example.com");
    let far = Machine::of(&authority, "fe02.example.com");
    let guise = Guise::server(&near.store);
    let other = look(far.listen(Auth::Required).await, &guise, FE01).await;
    let presented = vec!["fe02.example.com".to_owned()];
    assert_eq!(other.err(), Some(Unsecured::WrongName { presented }));
    let foreign = Machine::of(&Authority::new(), FE01);
    let foreign = look(foreign.listen(Auth::Required).await, &guise, FE01).await;
    assert!(matches!(foreign.err(), Some(Unsecured::Untrusted { .. })));
}

#[tokio::test]
async fn what_speaks_no_tls_is_told_from_what_says_nothing() {
    let authority = Authority::new();
    let guise = Guise::server(&Machine::of(&authority, "dir01.example.com").store);
    let cases: [(Option<&[u8]>, Unsecured); 2] = [
        (Some(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Unsecured::NotTls),
        (None, Unsecured::Closed),
    ];
    for (answer, expected) in cases {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let at = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _hello = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(answer.unwrap_or_default()).await.unwrap();
        };
        let (found, ()) = tokio::join!(look(at, &guise, FE01), serve);
        assert_eq!(found.err(), Some(expected));
    }
}
