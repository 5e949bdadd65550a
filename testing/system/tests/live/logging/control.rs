//! `vestibule log` as an operator types it, at the agents of running machines.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use sip::msg::{Compose, Name};
use system::deployment::binary;
use system::needs::{self, Need};
use system::operator::Said;
use system::process::{Mark, Process};
use system::wait;

use super::super::site::{DIR01, DIR02, EDGE01, FE01, Site, topology};

const SOON: Duration = Duration::from_secs(30);
/// As many machines as the reference topology has.
const ALL: usize = 9;

impl Site {
    /// The words of a command of `log` about the reference topology here.
    fn log_words(&self, words: &[&str]) -> Vec<String> {
        let at = self.block().network().to_string();
        let topology = topology();
        let place = [topology.to_str().unwrap(), "--loopback", &at];
        let words = [&["log"], words, &place].concat();
        words.into_iter().map(str::to_owned).collect()
    }

    fn log(&self, words: &[&str]) -> Said {
        let words = self.log_words(words);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.operator().command(&words, "").unwrap()
    }

    /// What is printed as JSON, and the exit code.
    fn log_json(&self, words: &[&str]) -> (Option<i32>, Value) {
        let said = self.log(&[words, &["--json"]].concat());
        let read = serde_json::from_str(&said.out);
        (said.code, read.unwrap_or_else(|_| panic!("{said:?}")))
    }

    /// The same where there is one value a line: the records, and what is said of the machines.
    fn search(&self, words: &[&str]) -> (Option<i32>, Vec<Value>, Value) {
        let said = self.log(&[&["search", "--json"], words].concat());
        let lines = said
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let mut lines: Vec<Value> = lines.collect();
        let last = lines.pop().unwrap_or_else(|| panic!("{said:?}"));
        (said.code, lines, last)
    }

    /// Starts a command that goes on.
    fn log_on(&self, name: &str, words: &[&str]) -> Process {
        let mut command = Command::new(binary().unwrap());
        command.args(self.log_words(words));
        command.arg("--state").arg(self.operator().state());
        Process::start(name, command, self.folder()).unwrap()
    }

    /// Sends a request of this Call-ID to a machine, which answers it.
    fn speak(&self, machine: &str, call_id: &str) {
        let mut phone = self.phone(machine);
        let own = "<sip:tester@tester.invalid>";
        let branch = call_id.replace('@', "-");
        let request = Compose::request("OPTIONS", &format!("sip:{machine}"))
            .header(
                Name::Via,
                format_args!("SIP/2.0/TLS tester.invalid;branch=z9hG4bK{branch};rport"),
            )
            .header(Name::From, format_args!("{own};tag={branch}"))
            .header(Name::To, own)
            .header(Name::CallId, call_id)
            .header(Name::CSeq, "1 OPTIONS")
            .header(Name::MaxForwards, 70);
        phone.ask(&request).unwrap();
    }
}

/// One member of each agent, by machine.
fn of_each<'a>(agents: &'a Value, member: &str) -> Vec<(&'a str, &'a Value)> {
    let agents = agents.as_array().unwrap().iter();
    agents
        .map(|agent| (agent["machine"].as_str().unwrap(), &agent[member]))
        .collect()
}

fn scenarios(running: &Value) -> Vec<&str> {
    let running = running.as_array().unwrap().iter();
    running
        .map(|one| one["scenario"].as_str().unwrap())
        .collect()
}

#[test]
fn scenarios_are_started_everywhere_or_where_it_is_said_and_the_third_is_refused() {
    let site = Site::new();
    let _product = site.up();
    let (code, shown) = site.log_json(&["show"]);
    assert_eq!(code, Some(0));
    let running = of_each(&shown, "running");
    assert_eq!(running.len(), ALL);
    for (machine, running) in running {
        assert_eq!(scenarios(running), ["AlwaysOn"], "{machine}");
        assert!(running[0]["until"].is_null());
    }

    let here = ["--pool", "dirpool01.contoso.net", "--machine", EDGE01];
    let start = [&["start", "signin", "--duration", "0:30"], &here[..]].concat();
    let (code, started) = site.log_json(&start);
    assert_eq!(code, Some(0), "{started}");
    let started = of_each(&started, "running");
    let machines: Vec<&str> = started.iter().map(|(machine, _)| *machine).collect();
    assert_eq!(machines, [EDGE01, DIR01, DIR02]);
    for (_, running) in &started {
        assert_eq!(scenarios(running), ["AlwaysOn", "SignIn"]);
        assert_eq!(running[1]["by"], "operator");
    }

    let third = site.log(&["start", "Web"]);
    assert_eq!(third.code, Some(1), "three machines have two");
    for (machine, word) in [(DIR01, "refused"), (FE01, "done")] {
        let line = third
            .out
            .lines()
            .find(|line| line.starts_with(machine))
            .unwrap();
        assert!(line.contains(word), "{}", third.out);
    }
    assert!(
        third.out.contains("2 scenarios run already: AlwaysOn"),
        "{}",
        third.out
    );

    let longer = site.log(&["update", "--duration", "2.00:00", "--machine", DIR01]);
    assert_eq!(longer.code, Some(0), "{}", longer.err);
    let stop = [&["stop", "SignIn"], &here[..]].concat();
    assert_eq!(site.log(&stop).code, Some(0));
    assert_eq!(site.log(&stop).code, Some(1), "it does not run any more");
    for word in ["sync", "status"] {
        let said = site.log(&[word]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(said.out.matches("  done").count(), ALL, "{}", said.out);
    }
}

#[test]
fn a_message_is_found_on_the_machine_that_had_it_and_silence_is_told() {
    let site = Site::new();
    site.prepare();
    let file = topology();
    let issue = [
        "certs",
        "issue",
        file.to_str().unwrap(),
        "--operator",
        "ann",
    ];
    site.operator().done(&issue, "").unwrap();
    let (_dir01, mut dir02) = (site.run(DIR01), site.run(DIR02));
    for (machine, call) in [(DIR02, "first"), (DIR01, "second"), (DIR02, "third")] {
        site.speak(machine, &format!("{call}@control"));
    }
    let both = [
        "--machine",
        &format!("{DIR01},{DIR02}")[..],
        "--sync",
        "--text",
        "@control",
    ];
    let (code, records, last) = site.search(&both);
    assert_eq!(
        (code, &last["ended"]),
        (Some(0), &Value::from("done")),
        "{last}"
    );
    let calls: Vec<(&str, &str)> = records
        .iter()
        .filter(|record| record["method"] == "OPTIONS" && record["dir"] == "in")
        .map(|record| {
            (
                record["machine"].as_str().unwrap(),
                record["call-id"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        (DIR02, "first@control"),
        (DIR01, "second@control"),
        (DIR02, "third@control"),
    ];
    assert_eq!(calls, expected, "{records:#?}");
    let times: Vec<&str> = records
        .iter()
        .map(|one| one["time"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");

    dir02.kill().unwrap();
    let second = [&both[..2], &["--call-id", "second@control"]].concat();
    let (code, records, last) = site.search(&second);
    assert_eq!(code, Some(1));
    assert!(!records.is_empty() && records.iter().all(|one| one["machine"] == DIR01));
    let answers = of_each(&last["agents"], "answer");
    assert_eq!(
        answers,
        [
            (DIR01, &Value::from("answered")),
            (DIR02, &Value::from("unreachable"))
        ]
    );
    let text = site.log(&[&["search"], &second[..]].concat());
    assert!(text.out.contains("call-id=second@control"), "{}", text.out);
    let line = text
        .err
        .lines()
        .find(|line| line.starts_with(DIR02))
        .unwrap();
    assert!(
        line.contains("unreachable") && line.contains("nobody listens"),
        "{line}"
    );
}

#[test]
fn what_a_killed_process_had_is_found_again_and_a_file_is_appended_to() {
    let site = Site::new();
    site.prepare();
    let file = topology();
    let issue = [
        "certs",
        "issue",
        file.to_str().unwrap(),
        "--operator",
        "ann",
    ];
    site.operator().done(&issue, "").unwrap();
    let mut dir02 = site.run(DIR02);
    site.speak(DIR02, "third@control");
    let words = ["--machine", DIR02, "--call-id", "third@control"];
    let (code, before, last) = site.search(&[&words, &["--sync"][..]].concat());
    assert_eq!(code, Some(0), "{last}");
    dir02.kill().unwrap();
    dir02.restart().unwrap();
    let (code, records, last) = site.search(&words);
    assert_eq!((code, &records), (Some(0), &before), "{last}");
    assert!(!records.is_empty());

    let found = site.folder().join("found.log");
    for _ in 0..2 {
        let words = [&["search", "--output", found.to_str().unwrap()], &words[..]].concat();
        let said = site.log(&words);
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(0), ""),
            "{}",
            said.err
        );
    }
    let found = std::fs::read_to_string(found).unwrap();
    assert_eq!(
        found.matches("\n=== ").count() + 1,
        2 * records.len(),
        "{found}"
    );
}

#[test]
fn a_reader_that_goes_away_ends_a_search_in_peace() {
    let site = Site::new();
    let _product = site.up();
    for number in 0..20 {
        site.speak(DIR01, &format!("{number}@control"));
    }
    let mut command = Command::new(binary().unwrap());
    command
        .args(site.log_words(&["search", "--sync", "--full"]))
        .arg("--state")
        .arg(site.operator().state())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.starts_with("20"), "{first}");
    drop(lines);
    let status = child.wait().unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(
        !said.contains("error") && !said.contains("panicked"),
        "{said}"
    );
}

#[test]
fn an_interrupted_search_ends_though_nobody_reads_it() {
    let site = Site::new();
    let _product = site.up();
    // More than a pipe holds.
    for number in 0..150 {
        site.speak(DIR01, &format!("{number}@control"));
    }
    let mut command = Command::new(binary().unwrap());
    command
        .args(site.log_words(&["search", "--sync", "--json"]))
        .arg("--state")
        .arg(site.operator().state())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut all = vec![0; 1];
    out.read_exact(&mut all).unwrap();
    let id = rustix::process::Pid::from_child(&child);
    let ended = wait::until(SOON, || {
        // It may have ended since.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
        child.try_wait().unwrap()
    });
    assert_eq!(ended.unwrap().code(), Some(1));
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    out.read_to_end(&mut all).unwrap();
    let all = String::from_utf8(all).unwrap();
    // Where its output is full, that it was interrupted is told beside it.
    let is_told = said.contains("interrupted") || all.contains("\"ended\":\"interrupted\"");
    assert!(is_told, "{said}");
    let first: Value = serde_json::from_str(all.lines().next().unwrap()).unwrap();
    assert!(first["time"].is_string(), "{first}");
}

#[test]
fn a_tail_shows_what_happens_and_ends_as_it_was_asked_to() {
    let site = Site::new();
    let _product = site.up();
    let words = ["tail", "--call-id", "live@control", "--limit", "1"];
    let mut limited = site.log_on("limited", &words);
    let mut endless = site.log_on("endless", &words[..3]);
    for tail in [&limited, &endless] {
        let follows = |line: &str| line == format!("following {ALL} of {ALL} machines");
        tail.wait_line(Mark::default(), SOON, "following", follows)
            .unwrap();
    }
    site.speak(FE01, "live@control");
    for tail in [&limited, &endless] {
        let shows = |line: &str| line.contains("call-id=live@control") && line.contains(" fe01 ");
        tail.wait_line(Mark::default(), SOON, "the record", shows)
            .unwrap();
    }
    let ended = limited.wait_end(SOON).unwrap().unwrap();
    assert_eq!(ended.code(), Some(0), "{}", limited.tail());
    let ended = endless.stop().unwrap();
    assert_eq!(ended.code(), Some(0), "{}", endless.tail());
    assert!(endless.tail().contains("stopped"), "{}", endless.tail());
}

#[test]
fn collected_files_are_read_by_zstdcat() {
    if !needs::are_met(
        "collected_files_are_read_by_zstdcat",
        &[Need::Program("zstdcat")],
    ) {
        return;
    }
    let site = Site::new();
    let _product = site.up();
    site.speak(DIR01, "kept@control");
    let folder = site.folder().join("collected");
    let words = [
        "collect",
        "--output",
        folder.to_str().unwrap(),
        "--machine",
        DIR01,
    ];
    let (code, collected) = site.log_json(&words);
    assert_eq!(code, Some(0), "{collected}");
    let files = collected[0]["files"].as_array().unwrap();
    let mut zstdcat = Command::new("zstdcat");
    zstdcat.args(files.iter().map(|file| file["path"].as_str().unwrap()));
    let text = zstdcat.output().unwrap();
    assert!(text.status.success(), "{text:?}");
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("call-id=kept@control"), "{text}");
    let path = files[0]["path"].as_str().unwrap();
    assert!(path.contains(&format!("/{DIR01}/")), "{path}");
    let words = ["--from-file", path, "--call-id", "kept@control"];
    let (code, offline, last) = site.search(&words);
    assert_eq!(code, Some(0), "{last}");
    let (_, asked, _) = site.search(&["--call-id", "kept@control"]);
    assert!(!asked.is_empty() && offline == asked, "{offline:#?}");
}

#[test]
fn whoever_was_revoked_is_told_by_the_machines() {
    let site = Site::new();
    let mut product = site.up();
    let folder = site.operator().state().join("operators/operator");
    let kept = site.folder().join("kept/operators/operator");
    std::fs::create_dir_all(&kept).unwrap();
    for name in ["cert.pem", "key.pem", "ca.pem", "crl.pem"] {
        std::fs::copy(folder.join(name), kept.join(name)).unwrap();
    }
    let revoke = ["certs", "revoke", "--operator", "operator"];
    site.operator().done(&revoke, "").unwrap();
    product.process().reload();
    let other = system::operator::Operator::of(&site.folder().join("kept"));
    let words = site.log_words(&["show", "--machine", DIR01]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let told = wait::until(SOON, || {
        let said = other.command(&words, "").unwrap();
        (said.code == Some(1)).then_some(said.out)
    });
    let told = told.expect("a revoked operator is refused after a reload");
    assert!(
        told.contains("does not take the operator's certificate"),
        "{told}"
    );
}
