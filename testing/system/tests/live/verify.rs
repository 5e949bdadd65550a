//! `vestibule verify` beside what it looks at: all is well and it says so; one thing is not, and it says which and why.
//!
//! On loopback there is no packet filter, so only wanted flows are tried here.

mod foreign;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use system::authority::{Authority, Identity};
use system::deployment::Deployment;
use system::verified::Verified;
use system::wait;
use system::web::backend::Backend;

use self::foreign::Manner;
use super::site::{DIR01, DIR02, DNS01, EDGE01, FE01, FE02, Site, topology};

const LB01: &str = "lb01.contoso.net";
const NS01: &str = "ns01.contoso.net";
const RP01: &str = "rp01.contoso.net";
const ALL: [&str; 9] = [FE01, EDGE01, RP01, DIR01, DIR02, FE02, DNS01, NS01, LB01];
const SOON: Duration = Duration::from_secs(60);
/// The row of what stays on a machine.
const LOCAL: u8 = 24;

impl Site {
    /// Tries the flows of a trial, or from some of the machines that run as processes of their own.
    fn verify(&self, words: &[&str]) -> (Option<i32>, Verified) {
        let base = self.block().network().to_string();
        let topology = topology();
        let first = [topology.to_str().unwrap(), "--loopback", &base];
        self.operator().verify(&[&first, words].concat()).unwrap()
    }

    /// Every machine of the reference topology as a process of its own, known to all as well.
    fn run_all(&self) -> Vec<Deployment> {
        self.prepare();
        let machines = ALL.map(|machine| self.run(machine)).into();
        let well = || {
            let (_, all) = self.verify(&[]);
            all.faults().is_empty().then_some(())
        };
        wait::until(SOON, well).unwrap_or_else(|| panic!("{:#?}", self.verify(&[]).1.faults()));
        machines
    }

    fn with_strangers(&self) -> Verified {
        let (_, machines) = self.verify(&[]);
        let (_, mut all) = self.verify(&["--as", "client", "--as", "outside"]);
        all.tries.extend(machines.tries);
        all
    }
}

/// Ends the process of one machine.
fn kill(machines: &mut Vec<Deployment>, machine: &str) {
    let place = ALL.iter().position(|one| *one == machine).unwrap();
    machines.remove(place).kill().unwrap();
}

#[test]
fn every_wanted_row_works_from_every_machine_of_a_trial() {
    let site = Site::new();
    let _product = site.up();
    let written = |name: &str, words: &[&str]| {
        let base = site.block().network().to_string();
        let words = [&["verify", "--loopback", &base, "--json"], words].concat();
        let path = site.folder().join(name);
        std::fs::write(&path, site.operator().done(&words, "").unwrap()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // The trial has left its topology in the state directory.
    let machines = written("machines.json", &[]);
    let strangers = written("strangers.json", &["--as", "client", "--as", "outside"]);
    let page = site.folder().join("page.html");
    let join = [
        "--join",
        &machines,
        &strangers,
        "--html",
        page.to_str().unwrap(),
    ];
    let (code, all) = site.operator().verify(&join).unwrap();
    assert_eq!((code, all.version), (Some(0), 2));
    assert!(all.faults().is_empty(), "{:#?}", all.faults());
    for row in &all.rows {
        let expected = match row.flow {
            LOCAL => None,
            _ => Some("pass"),
        };
        assert_eq!(row.verdict.as_deref(), expected, "{row:?}");
    }
    let vantages: BTreeSet<&str> = all.tries.iter().map(|one| one.from.as_str()).collect();
    assert_eq!(vantages.len(), ALL.len() + 2);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<th scope=\"row\">dir01.contoso.net</th>"));
    let table = site
        .operator()
        .done(&["verify", "--join", &machines, "--lang", "ko"], "");
    assert!(table.unwrap().contains("✓ 작동"));
}

/// The reference topology with one thing changed.
fn changed(site: &Site, from: &str, to: &str) -> PathBuf {
    let text = std::fs::read_to_string(topology()).unwrap();
    assert!(text.contains(from), "{from}");
    let file = site.folder().join("changed.toml");
    std::fs::write(&file, text.replace(from, to)).unwrap();
    file
}

#[test]
fn other_topologies_work_from_every_machine_too() {
    let examples = ["single-director.toml", "small-office.toml"];
    for name in examples {
        let site = Site::new();
        works(&site, &topology().with_file_name(name));
    }
    let vip = "load_balancing = \"dns+hlb\"";
    for other in [
        "load_balancing = \"hlb\"",
        "load_balancing = \"dns+hlb\"\nvip_mode = \"http\"",
    ] {
        let site = Site::new();
        let file = changed(&site, vip, other);
        works(&site, &file);
    }
}

fn works(site: &Site, file: &Path) {
    let _product = site.up_with(file);
    let base = site.block().network().to_string();
    for as_whom in [&[][..], &["--as", "client", "--as", "outside"]] {
        let words = [&["--loopback", &base], as_whom].concat();
        let (code, all) = site.operator().verify(&words).unwrap();
        assert_eq!(code, Some(0), "{}: {:#?}", file.display(), all.faults());
        assert!(all.tries.iter().any(|one| one.verdict == "pass"));
    }
}

#[test]
fn a_machine_that_is_gone_is_refused_by_its_own_rows_and_no_others() {
    let site = Site::new();
    let mut machines = site.run_all();
    kill(&mut machines, DIR02);
    let all = site.with_strangers();
    let to_it = |one: &&system::verified::Tried| one.to == DIR02;
    for one in all.tries.iter().filter(to_it) {
        let expected = ("refused", "fail");
        assert_eq!((&*one.found, &*one.verdict), expected, "{one:?}");
    }
    assert!(
        all.wrong().all(|one| one.to == DIR02),
        "{:#?}",
        all.faults()
    );
    let rows: BTreeSet<u8> = all.wrong().flat_map(|one| one.flows.clone()).collect();
    assert_eq!(rows, BTreeSet::from([6, 7, 8, 9, 13, 14, 18, 21, 22, 30]));
    // The VIP has the other one.
    let vip = all
        .tries
        .iter()
        .filter(|one| one.to == "dirpool01.contoso.net");
    assert_eq!(vip.filter(|one| one.verdict == "pass").count(), 4);
}

#[test]
fn a_certificate_of_another_name_is_told_with_the_name_that_it_has() {
    let site = Site::new();
    let mut machines = site.run_all();
    kill(&mut machines, DIR02);
    let folder = site.folder().join("ours");
    std::fs::create_dir_all(&folder).unwrap();
    let authority = Authority::of(&site.operator().state().join("ca"), &folder).unwrap();
    let other = authority.issue(&["old02.contoso.net"]).unwrap();
    let own = site.operator().identity(DIR02);
    std::fs::copy(&other.certificate, &own.certificate).unwrap();
    std::fs::write(&own.key, std::fs::read(&other.key).unwrap()).unwrap();
    machines.push(site.run(DIR02));
    let (code, all) = site.verify(&["--from", EDGE01, "--from", FE01, "--from", DNS01]);
    assert_eq!(code, Some(1));
    let ports = [5061, 50001, 50002, 50003];
    let expected =
        ports.map(|port| [EDGE01, FE01, DNS01].map(|from| (from, DIR02, port, "wrong_name")));
    assert_eq!(all.faults(), expected.into_iter().flatten().collect());
    assert_eq!(all.failing(), BTreeSet::from([6, 7, 8, 9, 13, 18, 30]));
    let whys: BTreeSet<_> = all.wrong().map(|one| one.why.as_deref()).collect();
    let why = "wrong name, it proves: old02.contoso.net";
    assert_eq!(whys, [Some(why)].into());
}

fn identity(home: &Path, folder: &Path, name: &str) -> Identity {
    std::fs::create_dir_all(folder).unwrap();
    Authority::of(home, folder).unwrap().issue(&[name]).unwrap()
}

#[test]
fn whoever_else_listens_in_the_place_of_a_machine_is_told_apart() {
    let site = Site::new();
    let mut machines = site.run_all();
    let (_, before) = site.verify(&["--from", DIR01]);
    let address = before
        .tries
        .iter()
        .find(|one| one.to == FE02)
        .unwrap()
        .address;
    kill(&mut machines, FE02);
    let at = |port: u16| SocketAddr::new(address, port);
    let (ca, folder) = (site.operator().state().join("ca"), site.folder());
    // SIP: an echo. 444: our name, and no question who comes. The web: sick, of another name, silent, of another authority.
    let _sip = Manner::Echoes.listen(at(5061));
    let own = identity(&ca, &folder.join("own"), FE02);
    let _directory = Backend::start("directory", at(444), Some(&own));
    let _sick = Manner::Sick.listen(at(8080));
    let named = identity(&ca, &folder.join("named"), "old02.contoso.net");
    let _external = Backend::start("external", at(4443), Some(&named));
    let _mute = Manner::Mute.listen(at(80));
    let foreign = folder.join("foreign");
    std::fs::create_dir_all(&foreign).unwrap();
    let foreign = Authority::new(&foreign).unwrap();
    let foreign = foreign.issue(&["fepool02-web.contoso.net"]).unwrap();
    let _internal = Backend::start("internal", at(443), Some(&foreign));
    let all = site.with_strangers();
    let mut expected = BTreeSet::from([
        (DIR01, FE02, 444, "no_certificate_asked"),
        (DIR02, FE02, 444, "no_certificate_asked"),
        (RP01, FE02, 8080, "unhealthy"),
        (RP01, FE02, 4443, "wrong_name"),
        ("client", FE02, 80, "mute"),
        ("client", FE02, 443, "untrusted"),
        ("client", FE02, 5061, "not_tls"),
    ]);
    for from in [EDGE01, DIR01, DIR02, FE01, DNS01, NS01] {
        expected.insert((from, FE02, 5061, "not_tls"));
    }
    // Nobody took the place of the agent.
    for from in ALL.into_iter().filter(|from| *from != FE02) {
        expected.extend([50001, 50002, 50003].map(|port| (from, FE02, port, "refused")));
    }
    assert_eq!(all.faults(), expected);
    let sick = all
        .tries
        .iter()
        .find(|one| one.found == "unhealthy")
        .unwrap();
    assert_eq!(sick.said.as_deref(), Some("503"));
}

#[test]
fn a_director_that_drains_answers_and_is_not_well() {
    let site = Site::new();
    let _machines = site.run_all();
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| site.operator().done(&["drain", "--machine", DIR02], ""));
        let seen = wait::until(SOON, || {
            let (_, all) = site.verify(&["--from", FE01, "--from", EDGE01]);
            let both = [FE01, EDGE01].map(|from| (from, DIR02, 5061, "unhealthy"));
            let said = |one: &system::verified::Tried| one.said.as_deref() == Some("503");
            let is_it = all.faults() == both.into() && all.wrong().all(said);
            is_it.then(|| all.failing())
        });
        assert_eq!(seen, Some(BTreeSet::from([6, 13])));
        drained.join().unwrap().unwrap();
    });
}
