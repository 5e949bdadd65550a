//! A directory that cannot be used and ports that are taken: the server runs, says so, and the agent works when it can.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use logs::wire::{Refused, Request};
use system::deployment::Deployment;
use system::needs::{self, Need};
use system::tls::PATIENCE;
use system::wait;

use super::super::site::{DIR01, FE01, Site, flow};
use super::super::status::get;
use super::ground::{At, connect, names, operator, refused, running, start, status};

fn traces(site: &Site, machine: &str) -> PathBuf {
    site.operator()
        .state()
        .join("machines")
        .join(machine)
        .join("traces")
}

/// What is wrong, as all who can be asked say it, and that no command seems to work.
fn troubled(site: &Site, manner: &system::tls::Manner, words: &str) {
    let mut agent = connect(site, manner, DIR01, At::Command);
    let told = status(&mut agent).trouble.unwrap_or_default();
    assert!(told.contains(words), "{told}");
    for request in [Request::Show, start("Web", None), Request::Sync] {
        let why = refused(&mut agent, &request);
        assert!(
            matches!(&why, Refused::Failed(why) if why.contains(words)),
            "{why}"
        );
    }
    let said = site
        .operator()
        .done(&["status", "--machine", DIR01], "")
        .unwrap();
    assert!(said.contains(words), "{said}");
    let page = get(site.address(DIR01, flow::METRICS), "/metrics");
    assert!(
        page.contains(&format!("vestibule_log_trouble{{machine=\"{DIR01}\"}} 1")),
        "{page}"
    );
    assert_eq!(
        site.phone(DIR01).options(DIR01).unwrap(),
        200,
        "the server serves"
    );
}

/// The agent works within some seconds, without a restart.
fn recovers(site: &Site, manner: &system::tls::Manner) {
    let well = wait::until(PATIENCE, || {
        let mut agent = connect_command(site, manner);
        status(&mut agent).trouble.is_none().then_some(())
    });
    assert!(well.is_some(), "it does not try again");
    let mut agent = connect(site, manner, DIR01, At::Command);
    assert_eq!(
        names(&running(&mut agent, &start("Web", None))),
        ["AlwaysOn", "Web"]
    );
    assert_eq!(site.phone(DIR01).options(DIR01).unwrap(), 200);
    let told = wait::until(PATIENCE, || (status(&mut agent).kept > 0).then_some(()));
    assert!(told.is_some(), "what is recorded is kept");
}

#[test]
fn a_directory_that_is_none_or_anothers_stops_no_server_and_is_used_when_it_can_be() {
    let site = Site::new();
    site.prepare();
    let ann = operator(&site, "ann");
    let folder = traces(&site, DIR01);
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    fs::write(&folder, "in the way").unwrap();
    let mut product = site.run(DIR01);
    troubled(&site, &ann, "nothing is traced: cannot use");
    assert_eq!(fs::read_to_string(&folder).unwrap(), "in the way");
    fs::remove_file(&folder).unwrap();
    recovers(&site, &ann);
    product.kill().unwrap();
    // The agent of another machine has it: one directory under two names.
    let front_end = site.run(FE01);
    fs::remove_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(traces(&site, FE01), &folder).unwrap();
    product.restart().unwrap();
    troubled(&site, &ann, "is in use by the agent of another process");
    let mut other = connect(&site, &ann, FE01, At::Command);
    assert_eq!(names(&running(&mut other, &Request::Show)), ["AlwaysOn"]);
    fs::remove_file(&folder).unwrap();
    recovers(&site, &ann);
    drop::<Deployment>(front_end);
}

#[test]
fn a_port_that_is_taken_is_said_and_taken_when_it_is_free() {
    let site = Site::new();
    site.prepare();
    let ann = operator(&site, "ann");
    let mut product = site.run(DIR01);
    let at = super::ground::address(&site, DIR01, At::Search);
    product.kill().unwrap();
    let in_the_way = TcpListener::bind(at).unwrap();
    product.restart().unwrap();
    let mut agent = connect_command(&site, &ann);
    let told = status(&mut agent).trouble.unwrap_or_default();
    assert!(told.contains(&format!("does not listen on {at}")), "{told}");
    assert_eq!(names(&running(&mut agent, &Request::Show)), ["AlwaysOn"]);
    assert_eq!(site.phone(DIR01).options(DIR01).unwrap(), 200);
    drop(in_the_way);
    recovers(&site, &ann);
    let query = super::ground::lately(status(&mut agent).now);
    super::ground::search(&mut connect(&site, &ann, DIR01, At::Search), &query);
}

/// Connects where not all three ports are open.
fn connect_command(site: &Site, manner: &system::tls::Manner) -> system::controller::Controller {
    let report = site.report(DIR01);
    let logging = report
        .listeners
        .iter()
        .filter(|one| one.flows.contains(&flow::LOGGING));
    let at = logging.map(|one| one.address).min().unwrap();
    system::controller::Controller::connect(manner, at, DIR01).unwrap()
}

/// A small file system of its own, for as long as this is there.
struct Mounted(PathBuf);

impl Mounted {
    fn at(path: PathBuf) -> Self {
        let size = ["-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs"];
        let mounted = std::process::Command::new("mount")
            .args(size)
            .arg(&path)
            .status();
        assert!(mounted.unwrap().success());
        Self(path)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // The process that used it has ended; if not, the mount goes with it.
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(&self.0)
            .status();
    }
}

#[test]
fn a_full_disk_costs_records_and_changes_of_scenarios_and_nothing_else() {
    let test = "live::logging::trouble::a_full_disk_costs_records_and_changes_of_scenarios_and_nothing_else";
    if !needs::are_met(test, &[Need::Root, Need::Program("mount")]) {
        return;
    }
    let site = Site::new();
    site.prepare();
    let ann = operator(&site, "ann");
    let folder = traces(&site, DIR01);
    fs::create_dir_all(&folder).unwrap();
    let mounted = Mounted::at(folder.clone());
    let mut product = site.run(DIR01);
    let mut agent = connect(&site, &ann, DIR01, At::Command);
    assert_eq!(status(&mut agent).trouble, None);
    let filler = folder.join("filler");
    // As much as there is room for; the last write fails.
    let filled = fs::write(&filler, vec![0; 1 << 20]);
    assert!(filled.is_err(), "it has an end");
    let told = wait::until(PATIENCE, || {
        assert_eq!(
            site.phone(DIR01).options(DIR01).unwrap(),
            200,
            "the server serves"
        );
        status(&mut agent).trouble
    });
    let told = told.unwrap();
    assert!(
        told.contains("No space left") && told.contains("dropped"),
        "{told}"
    );
    let why = refused(&mut agent, &start("Web", None));
    assert!(
        matches!(&why, Refused::Failed(why) if why.contains("nothing was changed")),
        "{why}"
    );
    assert_eq!(names(&running(&mut agent, &Request::Show)), ["AlwaysOn"]);
    fs::remove_file(&filler).unwrap();
    recovers(&site, &ann);
    product.kill().unwrap();
    drop(mounted);
}
