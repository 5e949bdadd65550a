//! `vestibule user`, with the machine that masters the directory stopped and running.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use roles::directory_admin::{Admin, Rules};
use roles::directory_log::DirectoryLog;
use roles::machine::{Reply, Request};
use runtime::control::Server;
use serde_json::Value;
use tempfile::TempDir;
use topology::Topology;

use crate::Answer;

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/reference.toml");
const MASTER: &str = "fe01.contoso.net";

#[test]
fn a_user_is_added_listed_moved_given_a_password_and_removed() {
    let state = state();
    let added = with_input(
        &state,
        &[
            "add",
            "alice@Contoso.com",
            "--pool",
            "fepool01.contoso.net",
            "--name",
            "Alice",
        ],
    );
    assert_eq!(
        (added.code, added.out.as_str()),
        (Some(0), "sip:alice@contoso.com added\n"),
        "{}",
        added.err
    );
    let first = verifier(&state);
    assert_eq!(users(&state)[0]["home"], "fepool01.contoso.net");

    let moved = ask(
        &state,
        &[
            "move",
            "alice@contoso.com",
            "--pool",
            "fepool02.contoso.net",
        ],
        "",
    );
    assert_eq!(moved.code, Some(0), "{}", moved.err);
    assert_eq!(users(&state)[0]["home"], "fepool02.contoso.net");
    let changed = ask(
        &state,
        &["passwd", "alice@contoso.com", "--password-stdin"],
        "another\n",
    );
    assert_eq!(changed.code, Some(0), "{}", changed.err);
    assert_ne!(verifier(&state), first);

    let listed = ask(&state, &["list"], "").out;
    assert!(
        listed.contains("Alice") && !listed.contains(&first),
        "{listed}"
    );
    assert_eq!(
        ask(&state, &["remove", "alice@contoso.com"], "").code,
        Some(0)
    );
    assert!(users(&state).is_empty());
}

#[test]
fn whom_a_user_watches_is_listed_added_and_removed() {
    let state = state();
    for user in ["alice@contoso.com", "bob@contoso.com", "carol@contoso.com"] {
        with_input(&state, &["add", user, "--pool", "fepool01.contoso.net"]);
    }
    let contacts = |words: &[&str]| {
        let words = [&["contacts", "alice@contoso.com"], words].concat();
        let answer = ask(&state, &words, "");
        (answer.code, [answer.out, answer.err].concat())
    };
    let empty = "sip:alice@contoso.com has nobody on the contact list.\n";
    assert_eq!(contacts(&["list"]), (Some(0), empty.to_owned()));
    let added = contacts(&["add", "carol@contoso.com", "bob@contoso.com"]);
    assert_eq!(added.0, Some(0), "{}", added.1);
    let both = "sip:carol@contoso.com\nsip:bob@contoso.com\n";
    assert_eq!(contacts(&["list"]), (Some(0), both.to_owned()));
    assert_eq!(contacts(&["remove", "carol@contoso.com"]).0, Some(0));
    let listed: Value = serde_json::from_str(&contacts(&["list", "--json"]).1).unwrap();
    assert_eq!(
        listed["contacts"],
        serde_json::json!(["sip:bob@contoso.com"])
    );
    for (words, told) in [
        (
            ["remove", "carol@contoso.com"],
            "is not on the contact list of",
        ),
        (
            ["add", "dora@contoso.com"],
            "there is no user sip:dora@contoso.com",
        ),
        (["add", "dora"], "is not the address of a user"),
    ] {
        let (code, said) = contacts(&words);
        assert_eq!(code, Some(2), "{words:?}");
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn only_verifiers_reach_the_disk() {
    let state = state();
    with_input(
        &state,
        &["add", "alice@contoso.com", "--pool", "fepool01.contoso.net"],
    );
    let expected = sip::auth::ha1(
        directory::Algorithm::Sha256,
        "alice",
        "contoso.com",
        "correct horse",
    );
    assert_eq!(verifier(&state), expected);
    for entry in std::fs::read_dir(folder(&state).join("directory")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(13).any(|window| window == b"correct horse"));
    }
}

#[test]
fn what_is_wrong_is_said_with_what_would_be_right() {
    let state = state();
    let cases: [(&[&str], &str); 7] = [
        (
            &["add", "alice@contoso.com", "--pool", "pool.contoso.net"],
            "there is fepool01.contoso.net, fepool02.contoso.net",
        ),
        (
            &[
                "add",
                "alice@fabrikam.com",
                "--pool",
                "fepool01.contoso.net",
            ],
            "there is contoso.com",
        ),
        (
            &["add", "alice", "--pool", "fepool01.contoso.net"],
            "it must look like user@domain",
        ),
        (&["add", "alice@contoso.com"], "name one with --pool"),
        (
            &["remove", "alice@contoso.com"],
            "there is no user sip:alice@contoso.com",
        ),
        (
            &[
                "move",
                "alice@contoso.com",
                "--pool",
                "fepool01.contoso.net",
            ],
            "there is no user sip:alice@contoso.com",
        ),
        (&["passwd", "alice@contoso.com"], "use --password-stdin"),
    ];
    for (words, told) in cases {
        let answer = ask(&state, words, "secret\n");
        assert_eq!(answer.code, Some(2), "{words:?}");
        assert!(answer.err.contains(told), "{words:?}: {}", answer.err);
    }
    let empty = ask(
        &state,
        &[
            "add",
            "al@contoso.com",
            "--pool",
            "fepool01.contoso.net",
            "--password-stdin",
        ],
        "\n",
    );
    assert!(empty.err.contains("the password is empty"), "{}", empty.err);
}

#[test]
fn a_machine_that_does_not_live_here_gets_no_directory() {
    let state = TempDir::new().unwrap();
    let answer = ask(&state, &["list"], "");
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.err.contains(MASTER) && answer.err.contains("--state"),
        "{}",
        answer.err
    );
    assert!(!folder(&state).try_exists().unwrap());
}

#[test]
fn an_import_tells_every_line_and_adds_the_good_ones() {
    let state = state();
    let csv = state.path().join("users.csv");
    let text = "pool,aor,password,name\n\
                fepool01.contoso.net,alice@contoso.com,one,Alice\n\
                fepool02.contoso.net,bob@contoso.com,,\"Bob, the second\"\n\
                nowhere.contoso.net,carol@fabrikam.com,three,Carol\n\
                fepool01.contoso.net,alice@contoso.com,four,Alice again\n\
                -,no address,five,\n";
    std::fs::write(&csv, text).unwrap();
    let path = csv.to_str().unwrap();

    let tried = ask(&state, &["import", path, "--dry-run"], "");
    assert_eq!(tried.code, Some(1), "{}", tried.err);
    assert!(
        tried.out.contains("2 would be added, 3 with faults"),
        "{}",
        tried.out
    );
    assert!(users(&state).is_empty());

    let done = ask(&state, &["--json", "import", path], "");
    assert_eq!(done.code, Some(1));
    let lines: Vec<Value> = serde_json::from_str(&done.out).unwrap();
    let faults: Vec<usize> = lines
        .iter()
        .map(|line| line["faults"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(faults, [0, 0, 2, 1, 2], "{}", done.out);
    assert_eq!(lines[1]["line"], 3);
    assert_eq!(
        lines[1]["password"].as_str().map(str::len),
        Some(20),
        "an empty password is made up"
    );
    assert!(
        lines[0].get("password").is_none(),
        "a given one is not repeated"
    );
    let users = users(&state);
    assert_eq!(
        (users.len(), &users[1]["display_name"]),
        (2, &Value::from("Bob, the second"))
    );

    let again = ask(&state, &["import", path], "");
    assert!(
        again.out.contains("sip:bob@contoso.com exists already"),
        "{}",
        again.out
    );
}

#[test]
fn slips_in_a_file_are_told_with_the_line_of_an_editor() {
    let state = state();
    let csv = state.path().join("users.csv");
    let import = |text: &str| {
        std::fs::write(&csv, text).unwrap();
        ask(&state, &["import", csv.to_str().unwrap(), "--dry-run"], "")
    };
    let head = "aor,password,name,pool\r\n";
    let slips = import(&format!(
        "{head}\r\n\r\n\
         alice@contoso.com,with,comma,Alice,fepool01.contoso.net\r\n\
         alice@fabrikam@com,one,Alice,fepool01.contoso.net\r\n\
         \"bob@contoso.com,one,Bob,fepool01.contoso.net\r\n\
         carol@contoso.com,one,Carol,fepool01.contoso.net\r\n"
    ));
    assert_eq!(slips.code, Some(1), "{}", slips.err);
    let told = [
        ("4", "5 fields for 4 columns"),
        (
            "5",
            "\"alice@fabrikam@com\": the user part may not contain '@'",
        ),
        ("6", "is there a quotation mark that is not closed?"),
    ];
    for (line, (number, fault)) in slips.out.lines().skip(2).zip(told) {
        assert!(line.trim_start().starts_with(number), "{}", slips.out);
        assert!(line.contains(fault), "{}", slips.out);
    }
    let files = [
        ("", "it is empty"),
        ("aor;password\n", "there is no column \"aor;password\""),
        ("aor,password,aor\n", "the column \"aor\" is there twice"),
    ];
    for (text, fault) in files {
        let answer = import(text);
        assert_eq!(answer.code, Some(2), "{text:?}");
        assert!(answer.err.contains(fault), "{}", answer.err);
    }
}

#[test]
fn an_import_of_many_is_sent_in_parts() {
    let state = state();
    let csv = state.path().join("users.csv");
    let mut text = String::from("aor,password,pool\n");
    for number in 0..1203 {
        text.push_str(&format!(
            "user{number}@contoso.com,secret{number},fepool01.contoso.net\n"
        ));
    }
    std::fs::write(&csv, text).unwrap();
    let done = ask(&state, &["import", csv.to_str().unwrap()], "");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(users(&state).len(), 1203);
}

#[test]
fn a_running_machine_is_asked_over_its_socket() {
    let state = state();
    let (own, _) = DirectoryLog::open(&folder(&state).join("directory")).unwrap();
    let topology =
        Topology::parse(&std::fs::read_to_string(REFERENCE).unwrap(), "reference").unwrap();
    let directory = own.directory().clone();
    let admin = std::sync::Arc::new(Admin::new(own, Rules::from(&topology)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = runtime
        .block_on(async { Server::bind(&folder(&state).join("control.sock")) })
        .unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let answer = move |request| {
        let admin = admin.clone();
        async move {
            match request {
                Request::Users(request) => Reply::Users(admin.handle(base::UnixMillis(1), request)),
                Request::Status
                | Request::Reload
                | Request::File
                | Request::Drain
                | Request::Member { .. }
                | Request::Forgive { .. } => Reply::Done,
            }
        }
    };
    let serving = std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = server.serve(answer) => {}
                _ = stopped => {}
            }
        });
    });

    let added = with_input(
        &state,
        &["add", "alice@contoso.com", "--pool", "fepool01.contoso.net"],
    );
    assert_eq!(added.code, Some(0), "{}", added.err);
    assert!(directory.find("sip:alice@contoso.com").is_some());
    assert_eq!(users(&state).len(), 1);
    let twice = with_input(
        &state,
        &["add", "alice@contoso.com", "--pool", "fepool01.contoso.net"],
    );
    assert_eq!(twice.code, Some(2));
    assert!(twice.err.contains("exists already"), "{}", twice.err);
    drop(stop);
    serving.join().unwrap();
}

/// A state directory in which the master lives.
fn state() -> TempDir {
    let state = TempDir::new().unwrap();
    std::fs::create_dir_all(folder(&state)).unwrap();
    state
}

fn folder(state: &TempDir) -> std::path::PathBuf {
    state.path().join("machines").join(MASTER)
}

/// Runs a command of `user` with a password on standard input.
fn with_input(state: &TempDir, words: &[&str]) -> Answer {
    let mut words = words.to_vec();
    words.push("--password-stdin");
    ask(state, &words, "correct horse\n")
}

fn ask(state: &TempDir, words: &[&str], input: &str) -> Answer {
    let (json, words) = match words {
        ["--json", words @ ..] => (Some("--json"), words),
        words => (None, words),
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_vestibule"))
        .args(json)
        .arg("user")
        .args(words)
        .args(["--topology", REFERENCE, "--state"])
        .arg(Path::new(state.path()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read may be gone before the input is written.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn users(state: &TempDir) -> Vec<Value> {
    let listed = ask(state, &["--json", "list"], "");
    serde_json::from_str(&listed.out)
        .unwrap_or_else(|error| panic!("{error}: {} {}", listed.out, listed.err))
}

/// Returns what the first user's password is checked against.
fn verifier(state: &TempDir) -> String {
    let (own, _) = DirectoryLog::open(&folder(state).join("directory")).unwrap();
    let users = own.directory().list(None, 1);
    users[0].verifiers[0].ha1().to_owned()
}
