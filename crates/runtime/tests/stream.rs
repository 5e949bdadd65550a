//! The same rules over ordinary asynchronous streams.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use base::net::{Face, Hop, Peer};
use runtime::tls::stream::{StreamError, accept, connect};
use runtime::tls::{Auth, Store};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::authority::Authority;
use crate::rig::Known;

const LIMIT: Duration = Duration::from_secs(5);

fn store(authority: &Authority, name: &str) -> (TempDir, Arc<Store>) {
    let folder = TempDir::new().unwrap();
    authority.furnish(folder.path(), &authority.issue(&[name]));
    let store = Arc::new(Store::open(folder.path()).unwrap());
    (folder, store)
}

/// Connects `client` under the name `wanted` to `server`; returns how each side fared.
async fn meet(
    client: &Store,
    server: Arc<Store>,
    wanted: &str,
) -> (Result<String, StreamError>, Result<Peer, StreamError>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let hop = Hop::inside(wanted, listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let accepted = accept(stream, &server, Auth::Required, Face::Inside, &Known, LIMIT).await;
        let (mut stream, peer) = accepted?;
        // The other side may have disliked us and gone.
        let _gone = stream.write_all(b"hello").await;
        let _gone = stream.shutdown().await;
        Ok(peer)
    });
    let heard = match connect(&hop, Some(Ipv4Addr::LOCALHOST.into()), client, LIMIT).await {
        Ok(mut stream) => {
            let mut heard = String::new();
            stream
                .read_to_string(&mut heard)
                .await
                .map(|_| heard)
                .map_err(StreamError::Handshake)
        }
        Err(error) => Err(error),
    };
    (heard, serving.await.unwrap())
}

#[tokio::test]
async fn two_machines_meet_and_know_each_other() {
    let authority = Authority::new();
    let (_near, near) = store(&authority, "dir01.example.com");
    let (_far, far) = store(&authority, "fe01.example.com");
    let (heard, peer) = meet(&near, far, "fe01.example.com").await;
    assert_eq!(heard.unwrap(), "hello");
    assert!(matches!(peer.unwrap(), Peer::Server(server) if &*server.name == "dir01.example.com"));
}

#[tokio::test]
async fn a_stranger_is_refused_and_so_is_a_machine_with_another_name() {
    let authority = Authority::new();
    let (_near, near) = store(&authority, "dir01.example.com");
    let (_far, far) = store(&authority, "fe01.example.com");
    let (_strange, strange) = store(&authority, "mail.example.org");
    let (_, peer) = meet(&strange, Arc::clone(&far), "fe01.example.com").await;
    assert!(matches!(peer, Err(StreamError::Stranger(_))));
    let (heard, _) = meet(&near, far, "fe02.example.com").await;
    assert!(matches!(heard, Err(StreamError::Handshake(_))));
}

#[tokio::test]
async fn another_authority_is_refused_by_both() {
    let (_near, near) = store(&Authority::new(), "dir01.example.com");
    let (_far, far) = store(&Authority::new(), "fe01.example.com");
    let (heard, peer) = meet(&near, far, "fe01.example.com").await;
    assert!(heard.is_err() && peer.is_err());
}
