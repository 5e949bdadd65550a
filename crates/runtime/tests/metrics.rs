//! The metrics endpoint.

use std::net::Ipv4Addr;

use runtime::metrics::{Kind, Page, serve};
use runtime::worker::Snapshot;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

async fn get(path: &str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = serve(listener, |page: &mut Page| {
        page.metric("calls_total", Kind::Counter, "Calls.").value(
            "calls_total",
            &[("machine", "a\"b")],
            3,
        );
    });
    let client = async {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    tokio::select! {
        () = server => panic!("the server ended"),
        answer = client => answer,
    }
}

#[tokio::test]
async fn the_page_is_written_anew_in_the_text_format() {
    let answer = get("/metrics").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("content-type: text/plain; version=0.0.4"),
        "{answer}"
    );
    let body = "# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total{machine=\"a\\\"b\"} 3\n";
    assert!(answer.ends_with(body), "{answer}");
}

#[tokio::test]
async fn anything_else_is_not_found() {
    assert!(get("/").await.starts_with("HTTP/1.1 404 "));
}

#[test]
fn every_counter_of_the_workers_has_a_name_and_a_meaning() {
    let each = Snapshot {
        flows: 5,
        ..Snapshot::default()
    }
    .each();
    assert!(each.contains(&(
        "flows",
        Kind::Gauge,
        "Flows that are open, opening or closing.",
        5
    )));
    assert!(
        each.iter()
            .all(|(name, _, help, _)| !name.is_empty() && help.ends_with('.'))
    );
}
