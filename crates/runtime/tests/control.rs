//! The control socket.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::Path;

use runtime::control::{ControlError, Server, call};
use tempfile::TempDir;

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

/// Calls a server that doubles numbers.
async fn double(server: Server, path: &Path) -> Result<u64, ControlError> {
    tokio::select! {
        () = server.serve(|number: u64| async move { number * 2 }) => panic!("the server ended"),
        reply = call(path, &21_u64) => reply,
    }
}

#[test]
fn a_request_is_answered_and_only_the_owner_may_ask() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("control.sock");
    run(async {
        let server = Server::bind(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
            0o600
        );
        assert_eq!(double(server, &path).await.unwrap(), 42);
        assert!(!path.try_exists().unwrap(), "the socket stays behind");
        assert!(matches!(
            call::<_, u64>(&path, &1).await,
            Err(ControlError::NotRunning { .. })
        ));
    });
}

#[test]
fn a_path_longer_than_a_socket_address_works() {
    let folder = TempDir::new().unwrap();
    let deep = folder.path().join("a-folder-with-a-long-name/".repeat(8));
    fs::create_dir_all(&deep).unwrap();
    let path = deep.join("control.sock");
    run(async {
        let server = Server::bind(&path).unwrap();
        assert_eq!(double(server, &path).await.unwrap(), 42);
    });
}

#[test]
fn the_socket_of_a_dead_process_is_replaced_and_that_of_a_live_one_is_not() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("control.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());
    run(async {
        let server = Server::bind(&path).unwrap();
        assert!(matches!(
            Server::bind(&path),
            Err(ControlError::Taken { .. })
        ));
        assert_eq!(double(server, &path).await.unwrap(), 42);
        Server::bind(&path).unwrap();
    });
}

#[test]
fn an_answer_of_another_kind_is_an_error_and_rubbish_disturbs_nobody() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("control.sock");
    run(async {
        let server = Server::bind(&path).unwrap();
        let served =
            tokio::spawn(async move { server.serve(|number: u64| async move { number }).await });
        assert!(matches!(
            call::<_, String>(&path, &1_u64).await,
            Err(ControlError::Format { .. })
        ));
        assert!(call::<_, u64>(&path, &"rubbish").await.is_err());
        assert_eq!(call::<_, u64>(&path, &7_u64).await.unwrap(), 7);
        served.abort();
    });
}
