//! Names lead to machines that serve: a Director that is killed, drained or back again is seen in what DNS answers.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use system::deployment::{Deployment, binary};
use system::dig;
use system::needs::{Need, are_met, program};
use system::sip_client::{SipClient, Words};
use system::wait;

use super::site::{DIR01, DIR02, DNS01, FE01, Site, flow};

const NEEDS: [Need; 1] = [Need::Program("dig")];
/// How long a name may lead to a machine that has gone: two questions, two seconds and half a second apart, and the time
/// that a loaded test machine takes for them.
const GONE: Duration = Duration::from_secs(8);
/// A machine that comes back is asked for at the usual pace, and once more.
const BACK: Duration = Duration::from_secs(10);
const START: Duration = Duration::from_secs(30);
const POOL: &str = "dirpool01.contoso.net";

/// Two Directors, a Front End and the name service, each a process of its own.
struct Machines {
    site: Site,
    dir01: Deployment,
    dir02: Deployment,
    dns: SocketAddr,
    _others: [Deployment; 2],
}

impl Machines {
    fn start() -> Self {
        let site = Site::new();
        site.prepare();
        let front_end = site.run(FE01);
        let (dir01, dir02) = (site.run(DIR01), site.run(DIR02));
        let names = site.run(DNS01);
        Self {
            dns: site.address(DNS01, flow::NAMES),
            site,
            dir01,
            dir02,
            _others: [front_end, names],
        }
    }

    /// Waits until a name leads to exactly these machines.
    fn leads_to(&self, name: &str, machines: &[&str], within: Duration) {
        let own = |machine: &&str| dig::short(self.dns, machine, "A").unwrap();
        let mut wanted: Vec<String> = machines.iter().flat_map(own).collect();
        wanted.sort_unstable();
        let does = || (dig::short(self.dns, name, "A").unwrap() == wanted).then_some(());
        assert!(
            wait::until(within, does).is_some(),
            "{name} leads to {:?} and not to {wanted:?}: {:#?}",
            dig::short(self.dns, name, "A"),
            self.site.report(DNS01).health
        );
    }

    /// What the name service believes of a machine.
    fn standing(&self, machine: &str) -> String {
        let health = self.site.report(DNS01).health;
        let found = health.into_iter().find(|one| one.member == machine);
        found.unwrap().standing
    }
}

#[test]
fn a_name_leads_to_the_directors_that_serve() {
    if !are_met("a_name_leads_to_the_directors_that_serve", &NEEDS) {
        return;
    }
    let mut machines = Machines::start();
    machines.leads_to(POOL, &[DIR01, DIR02], START);

    machines.dir01.kill().unwrap();
    machines.leads_to(POOL, &[DIR02], GONE);
    machines.leads_to("sip.contoso.com", &[DIR02], Duration::ZERO);
    assert_eq!(machines.standing(DIR01), "down");
    let said = machines.site.operator().command(&["status"], "").unwrap();
    assert!(
        said.out
            .contains("dns01.contoso.net sees dir01.contoso.net down"),
        "{}",
        said.out
    );

    machines.dir01.restart().unwrap();
    machines.leads_to(POOL, &[DIR01, DIR02], BACK);

    let operator = machines.site.operator().clone();
    operator.done(&["drain", "--machine", DIR02], "").unwrap();
    // It says so while it still takes connections, so that nobody is sent to a closed door.
    machines.leads_to(POOL, &[DIR01], GONE);
    let ended = machines.dir02.process().wait_end(GONE).unwrap();
    assert_eq!(ended.and_then(|ended| ended.code()), Some(0));
    let is_down = || (machines.standing(DIR02) == "down").then_some(());
    assert!(wait::until(GONE, is_down).is_some());

    machines.dir01.kill().unwrap();
    // With nobody up, everybody is named: a client that tries finds out for itself.
    machines.leads_to(POOL, &[DIR01, DIR02], GONE);
}

#[test]
fn a_machine_that_drains_says_so_to_who_asks_and_serves_on() {
    let machines = Machines::start();
    let mut phone = machines.site.phone(DIR01);
    assert_eq!(phone.options(DIR01).unwrap(), 200);
    let operator = machines.site.operator();
    operator.done(&["drain", "--machine", DIR01], "").unwrap();
    let says = || (phone.options(DIR01).unwrap() == 503).then_some(());
    assert!(
        wait::until(GONE, says).is_some(),
        "it never says that it drains"
    );
    let mut another = machines.site.phone(DIR01);
    assert_eq!(
        another.options(DIR01).unwrap(),
        503,
        "it still takes connections"
    );
}

#[test]
fn the_name_service_may_ask_how_a_server_is_and_nothing_else() {
    let machines = Machines::start();
    let wire = machines.site.server(DNS01, DIR01, flow::SIGN_IN);
    let mut asker = SipClient::new(wire);
    assert_eq!(asker.options(DIR01).unwrap(), 200);
    for method in ["MESSAGE", "INVITE", "REGISTER", "SUBSCRIBE"] {
        let request = asker.compose(Words {
            method,
            uri: "sip:alice@contoso.com",
            from: "sip:bob@contoso.com",
            to: "sip:alice@contoso.com",
        });
        assert_eq!(asker.ask(&request).unwrap().status(), 403, "{method}");
    }
}

#[test]
fn zone_files_are_taken_by_another_name_server() {
    let needs = [Need::Program("named-checkzone")];
    if !are_met("zone_files_are_taken_by_another_name_server", &needs) {
        return;
    }
    let site = Site::new();
    let checker = program("named-checkzone").unwrap();
    let examples = super::site::topology().parent().unwrap().to_path_buf();
    let mut taken = 0;
    for example in std::fs::read_dir(examples).unwrap() {
        let example = example.unwrap().path();
        for view in ["inside", "outside"] {
            let name = example.file_stem().unwrap().to_str().unwrap();
            let out = site.folder().join(format!("{name}-{view}"));
            std::fs::create_dir(&out).unwrap();
            let words = [
                "dns",
                "export",
                example.to_str().unwrap(),
                "--view",
                view,
                "--ns",
                "ns1.provider.example",
                "--out",
                out.to_str().unwrap(),
            ];
            let mut product = Command::new(binary().unwrap());
            assert!(product.args(words).status().unwrap().success());
            for file in std::fs::read_dir(&out).unwrap() {
                let file = file.unwrap().path();
                let zone = file.file_stem().unwrap().to_owned();
                let said = Command::new(&checker)
                    .arg(&zone)
                    .arg(&file)
                    .output()
                    .unwrap();
                let text = String::from_utf8_lossy(&said.stdout).into_owned();
                assert!(said.status.success() && text.contains("OK"), "{text}");
                taken += 1;
            }
        }
    }
    assert!(taken >= 6, "{taken} zones");
}

#[test]
fn what_a_server_answers_is_compared_with_what_is_needed() {
    let site = Site::new();
    let _product = site.up();
    let network = site.block().network().to_string();
    let topology = super::site::topology();
    let check = |topology: &Path, more: &[&str]| {
        let mut product = Command::new(binary().unwrap());
        product.args(["dns", "check", topology.to_str().unwrap(), "--json"]);
        let output = product.args(["--loopback", &network]).args(more).output();
        let output = output.unwrap();
        let lines: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), lines)
    };
    let good = || (check(&topology, &[]).0 == Some(0)).then_some(());
    assert!(
        wait::until(START, good).is_some(),
        "{:?}",
        check(&topology, &[])
    );

    let text = std::fs::read_to_string(&topology).unwrap();
    let other = text.replace("webdir.contoso.net", "webnew.contoso.net");
    let file = site.folder().join("other.toml");
    std::fs::write(&file, other).unwrap();
    let (code, lines) = check(&file, &[]);
    assert_eq!(code, Some(1));
    let bad: Vec<&serde_json::Value> = lines
        .as_array()
        .unwrap()
        .iter()
        .filter(|line| line["verdict"] != "ok")
        .collect();
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert_eq!(bad[0]["name"], "webnew.contoso.net");
    assert_eq!(
        (&bad[0]["verdict"], &bad[0]["code"]),
        (&"missing".into(), &"NXDOMAIN".into())
    );
    // Nobody answers there.
    let (code, _) = check(&topology, &["--server", "127.0.0.1:9"]);
    assert_eq!(code, Some(2));
}

#[test]
fn the_way_of_a_phone_is_told_step_by_step() {
    let site = Site::new();
    let _product = site.up();
    let dns = site.address(DNS01, flow::NAMES).to_string();
    let root = site.operator().root();
    let discover = |user: &str| {
        let mut product = Command::new(binary().unwrap());
        product.args(["discover", user, "--server", &dns, "--json", "--ca"]);
        let output = product.arg(&root).output().unwrap();
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), told)
    };
    let (code, told) = discover("alice@contoso.com");
    assert_eq!(code, Some(0), "{told:#}");
    assert_eq!(told["server"]["host"], "sip.contoso.com");
    let names: Vec<&str> = told["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["name"].as_str().unwrap())
        .collect();
    let expected = [
        "lyncdiscoverinternal.contoso.com",
        "lyncdiscover.contoso.com",
        "_sipinternaltls._tcp.contoso.com",
    ];
    assert_eq!(names, expected);
    let web = told["steps"][0]["found"].as_str().unwrap();
    assert!(
        web.starts_with("a web service: it leads to https://webdir.contoso.net"),
        "{web}"
    );

    let (code, told) = discover("alice@elsewhere.example");
    assert_eq!(code, Some(1));
    assert_eq!(told["steps"].as_array().unwrap().len(), 7, "{told:#}");
    assert!(
        told["steps"][6]["found"]
            .as_str()
            .unwrap()
            .contains("REFUSED")
    );
}
