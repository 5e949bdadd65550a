//! Rules are loaded on trial, and whatever happens to whoever loaded them, they stay only if somebody confirms them.

mod ground;

use rustix::process::{Signal, kill_process};
use system::process::Process;

use super::site::is_possible;
use ground::{BOUNDARY, Ground, MACHINE, SOON, said};

/// Longer than any test takes: these rules wait until somebody ends the trial.
const LONG: &str = "10m";
/// Long enough to see that the rules are loaded.
const SHORT: &str = "2s";

/// A ground on which the rules of a boundary are loaded, and the table as it then is.
fn with_older_rules() -> (Ground, String) {
    let ground = Ground::new();
    let applied = ground.run("apply", BOUNDARY, &["--yes"]);
    assert_eq!(applied.status.code(), Some(0), "{}", said(&applied));
    assert!(said(&applied).contains("To have them loaded at boot"));
    let older = ground.loaded().unwrap();
    (ground, older)
}

fn code(process: &mut Process) -> Option<i32> {
    process.wait_end(SOON).unwrap()?.code()
}

#[test]
fn rules_stay_that_another_session_confirms_and_only_one_trial_waits() {
    let test = "namespaces::rules_stay_that_another_session_confirms_and_only_one_trial_waits";
    if !is_possible(test, &[]) {
        return;
    }
    let (ground, older) = with_older_rules();
    let mut first = ground.try_for(LONG);
    let newer = ground.loaded().unwrap();
    assert!(newer != older && newer.contains("chain input"));
    let second = ground.run("apply", BOUNDARY, &["--yes"]);
    assert_eq!(second.status.code(), Some(2));
    assert!(
        said(&second).contains("the rules of edge01.contoso.net wait to be confirmed"),
        "{}",
        said(&second)
    );
    let status = ground.run("status", MACHINE, &[]);
    assert!(said(&status).contains("wait to be confirmed"));
    assert_eq!(status.status.code(), Some(0));
    let confirmed = ground.end("confirm");
    assert_eq!(confirmed.status.code(), Some(0), "{}", said(&confirmed));
    assert_eq!(code(&mut first), Some(0));
    assert_eq!(ground.loaded().unwrap(), newer);
    let again = ground.end("confirm");
    assert_eq!(again.status.code(), Some(2), "nothing waits any longer");
    ground.assert_others_untouched();
}

#[test]
fn rules_that_nobody_confirms_are_taken_back_with_what_was_counted() {
    let test = "namespaces::rules_that_nobody_confirms_are_taken_back_with_what_was_counted";
    if !is_possible(test, &[]) {
        return;
    }
    let (ground, older) = with_older_rules();
    let counted = older.replacen("packets 0 bytes 0", "packets 7 bytes 700", 1);
    let replaced = format!("delete table inet vestibule\n{counted}");
    ground.nft(&["--file", "-"], &replaced);
    let mut trial = ground.try_for(SHORT);
    assert_eq!(code(&mut trial), Some(1));
    assert_eq!(ground.loaded().unwrap(), counted);
    ground.nft(&["delete", "table", "inet", "vestibule"], "");
    let mut trial = ground.try_for(SHORT);
    assert_eq!(code(&mut trial), Some(1));
    assert_eq!(ground.loaded(), None, "there was nothing before");
    ground.assert_others_untouched();
}

#[test]
fn a_terminal_confirms_by_enter_and_takes_back_by_interrupting() {
    let test = "namespaces::a_terminal_confirms_by_enter_and_takes_back_by_interrupting";
    if !is_possible(test, &["script"]) {
        return;
    }
    let (ground, older) = with_older_rules();
    let mut trial = ground.try_at_a_terminal(LONG);
    trial.press("\u{3}").unwrap();
    assert_eq!(code(&mut trial), Some(1));
    assert_eq!(ground.loaded().unwrap(), older);
    let mut trial = ground.try_at_a_terminal(LONG);
    trial.say("").unwrap();
    assert_eq!(code(&mut trial), Some(0));
    assert!(ground.loaded().unwrap().contains("chain input"));
}

#[test]
fn rules_are_taken_back_when_the_terminal_is_gone() {
    let test = "namespaces::rules_are_taken_back_when_the_terminal_is_gone";
    if !is_possible(test, &["script"]) {
        return;
    }
    let (ground, older) = with_older_rules();
    let mut terminal = ground.try_at_a_terminal(SHORT);
    assert_ne!(ground.loaded().unwrap(), older);
    terminal.kill().unwrap();
    ground.wait_for(Some(&older));
    ground.assert_others_untouched();
}

#[test]
fn rules_are_taken_back_when_who_loaded_them_hangs_up_or_is_killed() {
    let test = "namespaces::rules_are_taken_back_when_who_loaded_them_hangs_up_or_is_killed";
    if !is_possible(test, &[]) {
        return;
    }
    let (ground, older) = with_older_rules();
    let mut killed = ground.try_for(SHORT);
    killed.kill().unwrap();
    ground.wait_for(Some(&older));
    let mut hung_up = ground.try_for(SHORT);
    hung_up.reload();
    assert_eq!(code(&mut hung_up), Some(1));
    ground.wait_for(Some(&older));
    // Told to end, it does not wait for the time to be over.
    let mut stopped = ground.try_for(LONG);
    assert_eq!(stopped.stop().unwrap().code(), Some(1));
    assert_eq!(ground.loaded().unwrap(), older);
    // Somebody who comes back after a kill may still confirm.
    let mut killed = ground.try_for(LONG);
    let newer = ground.loaded().unwrap();
    killed.kill().unwrap();
    let confirmed = ground.end("confirm");
    assert_eq!(confirmed.status.code(), Some(0), "{}", said(&confirmed));
    assert_eq!(ground.loaded().unwrap(), newer);
}

#[test]
fn there_is_a_way_back_when_the_watchdog_is_killed() {
    let test = "namespaces::there_is_a_way_back_when_the_watchdog_is_killed";
    if !is_possible(test, &[]) {
        return;
    }
    let (ground, older) = with_older_rules();
    let mut alone = ground.try_for(LONG);
    kill_process(ground.watchdog(), Signal::KILL).unwrap();
    assert_eq!(code(&mut alone), Some(1), "the foreground takes them back");
    assert_eq!(ground.loaded().unwrap(), older);
    let mut both = ground.try_for(LONG);
    let watchdog = ground.watchdog();
    both.kill().unwrap();
    kill_process(watchdog, Signal::KILL).unwrap();
    let status = ground.run("status", MACHINE, &[]);
    assert!(said(&status).contains("vestibule firewall rollback"));
    let refused = ground.run("apply", MACHINE, &["--yes"]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    let back = ground.end("rollback");
    assert_eq!(back.status.code(), Some(0), "{}", said(&back));
    assert_eq!(ground.loaded().unwrap(), older);
    // The watchdog that is told to end takes the rules back at once.
    let mut told = ground.try_for(LONG);
    kill_process(ground.watchdog(), Signal::TERM).unwrap();
    assert_eq!(code(&mut told), Some(1));
    assert_eq!(ground.loaded().unwrap(), older);
}

#[test]
fn what_somebody_changed_by_hand_is_shown_and_mended() {
    let test = "namespaces::what_somebody_changed_by_hand_is_shown_and_mended";
    if !is_possible(test, &[]) {
        return;
    }
    let ground = Ground::new();
    let status = ground.run("status", MACHINE, &[]);
    assert_eq!(status.status.code(), Some(1));
    assert!(said(&status).contains("no rules of ours are loaded"));
    ground.run("apply", MACHINE, &["--yes"]);
    let whole = ground.run("status", MACHINE, &[]);
    assert_eq!(whole.status.code(), Some(0), "{}", said(&whole));
    let chain = ground.nft(
        &["--handle", "list", "chain", "inet", "vestibule", "input"],
        "",
    );
    let flow_10 = chain.lines().find(|line| line.contains("\"flow 10:"));
    let handle = flow_10.and_then(|line| line.rsplit(' ').next()).unwrap();
    ground.nft(
        &[
            "delete",
            "rule",
            "inet",
            "vestibule",
            "input",
            "handle",
            handle,
        ],
        "",
    );
    let stray = "insert rule inet vestibule output ip daddr 192.0.2.9 tcp dport 25 accept";
    ground.nft(&["--file", "-"], stray);
    let status = ground.run("status", MACHINE, &[]);
    let told = said(&status);
    assert_eq!(status.status.code(), Some(1));
    assert!(told.contains("+ in, flow 10: SIP to outside"), "{told}");
    assert!(
        told.contains("- out, to 192.0.2.9, TCP 25: passes"),
        "{told}"
    );
    let others = told
        .lines()
        .filter(|line| line.starts_with(['+', '-', '~']));
    assert_eq!(others.count(), 2, "{told}");
    let mended = ground.run("apply", MACHINE, &["--yes"]);
    assert_eq!(
        said(&mended).matches("\n+ ").count(),
        1,
        "{}",
        said(&mended)
    );
    let whole = ground.run("status", MACHINE, &[]);
    assert_eq!(whole.status.code(), Some(0), "{}", said(&whole));
    ground.assert_others_untouched();
}
