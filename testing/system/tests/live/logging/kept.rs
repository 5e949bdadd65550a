//! What runs is there again after the process ended, however that came.

use logs::wire::{Answer, Request};

use super::super::site::{DIR01, EDGE01, Site};
use super::ground::{At, connect, lately, names, operator, running, search, start, status, stop};

fn state(site: &Site, machine: &str) -> std::path::PathBuf {
    let folder = site.operator().state().join("machines").join(machine);
    folder.join("traces/scenarios.json")
}

#[test]
fn what_runs_survives_a_restart_and_a_kill_and_a_damaged_file_does_no_harm() {
    let site = Site::new();
    let mut product = site.up();
    let ann = operator(&site, "ann");
    let mut agent = connect(&site, &ann, DIR01, At::Command);
    running(&mut agent, &stop("AlwaysOn"));
    let before = running(&mut agent, &start("Web", Some("6.05:12")));
    assert_eq!(names(&before), ["Web"]);
    // At once, before anything is synced by itself.
    product.kill().unwrap();
    product.restart().unwrap();
    let mut agent = connect(&site, &ann, DIR01, At::Command);
    assert_eq!(running(&mut agent, &Request::Show), before);
    product.process().stop().unwrap();
    product.restart().unwrap();
    let mut agent = connect(&site, &ann, DIR01, At::Command);
    assert_eq!(running(&mut agent, &Request::Show), before);
    product.kill().unwrap();
    std::fs::write(state(&site, DIR01), "{\"version\":1,\"running\":[{").unwrap();
    product.restart().unwrap();
    let mut agent = connect(&site, &ann, DIR01, At::Command);
    assert_eq!(names(&running(&mut agent, &Request::Show)), ["AlwaysOn"]);
    let aside = state(&site, DIR01).with_extension("json.damaged");
    assert!(std::fs::read_to_string(aside).unwrap().ends_with("[{"));
    product.process().stop().unwrap();
    product.restart().unwrap();
    let mut agent = connect(&site, &ann, DIR01, At::Command);
    let now = status(&mut agent).now;
    agent.ask(&Request::Sync).unwrap();
    let (found, _) = search(&mut connect(&site, &ann, DIR01, At::Search), &lately(now));
    for words in [
        "scenarios.json.damaged",
        "decision=started",
        "decision=stopped",
        "decision=opened",
    ] {
        assert!(found.contains(words), "{words}: {found}");
    }
}

#[test]
fn a_reload_is_recorded() {
    let site = Site::new();
    let mut product = site.up();
    let ann = operator(&site, "ann");
    product.process().reload();
    let found = system::wait::until(system::tls::PATIENCE, || {
        // A connection that began before the reload is told to begin anew.
        let mut agent = connect(&site, &ann, EDGE01, At::Command);
        let Some(Answer::Status(status)) = agent.ask(&Request::Status).ok()?.into_iter().next()
        else {
            return None;
        };
        let mut agent = connect(&site, &ann, EDGE01, At::Search);
        let found = agent.ask(&Request::Search(lately(status.now))).ok()?;
        let tells = |part: &Answer| matches!(part, Answer::Records(text) if text.contains("decision=reloaded"));
        found.iter().any(tells).then_some(())
    });
    assert!(found.is_some());
}
