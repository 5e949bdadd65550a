//! Debian's Kamailio as another organisation: a server that speaks mutual TLS with ours, and a phone's side without TLS.
//!
//! It shows its certificate and asks for one, in both directions. Phones register without a password over TCP; what comes
//! from them for another domain goes to our Edge, what comes from the Edge to them. Its script is told where the Edge is,
//! since the names of a trial stand in no zone that Kamailio asks.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::authority::Identity;
use crate::kamailio::KamailioError;
use crate::process::{Mark, Process};

const MODULES: &str = "/usr/lib/x86_64-linux-gnu/kamailio/modules/";
const READY: &str = "this partner is ready";
const SOON: Duration = Duration::from_secs(20);

/// What a partner is made of.
#[derive(Debug)]
pub struct Setup<'a> {
    /// Where its files and log lie.
    pub folder: &'a Path,
    /// Its address.
    pub at: Ipv4Addr,
    /// Where it listens for other organisations, over TLS.
    pub port: u16,
    /// Where its phones come, over TCP.
    pub phones: u16,
    /// Its SIP domain.
    pub domain: &'a str,
    /// What it shows.
    pub identity: &'a Identity,
    /// The authority that it believes.
    pub believed: &'a Path,
    /// Where our Edge takes partners.
    pub edge: SocketAddr,
}

/// A running partner.
#[derive(Debug)]
pub struct Partner {
    process: Process,
}

impl Partner {
    /// Starts it; returns when it listens.
    ///
    /// # Errors
    /// Fails when Kamailio is not installed, its files cannot be written or it does not start.
    pub fn start(setup: &Setup<'_>) -> Result<Self, KamailioError> {
        let program = crate::needs::program("kamailio").ok_or(KamailioError::NotInstalled)?;
        let script = configure(setup).map_err(KamailioError::Configuration)?;
        let mut command = Command::new(program);
        command.arg("-f").arg(script);
        command.arg("-w").arg(setup.folder);
        command.arg("-Y").arg(setup.folder);
        command.args(["-DD", "-E", "-m", "32", "-M", "4"]);
        let process = Process::start("partner", command, setup.folder)?;
        process.wait_line(Mark::default(), SOON, "ready", |line| line.contains(READY))?;
        Ok(Self { process })
    }

    /// Returns the end of what it said, for a test that fails.
    #[must_use]
    pub fn tail(&self) -> String {
        self.process.tail()
    }
}

fn configure(setup: &Setup<'_>) -> io::Result<PathBuf> {
    let Setup {
        folder,
        at,
        port,
        phones,
        domain,
        identity,
        believed,
        edge,
    } = setup;
    let side = |name: &str| {
        format!(
            "[{name}:default]\nmethod = TLSv1.2+\nverify_certificate = yes\nrequire_certificate = yes\n\
             ca_list = {}\ncertificate = {}\nprivate_key = {}\n",
            believed.display(),
            identity.certificate.display(),
            identity.key.display()
        )
    };
    let tls_file = folder.join("partner-tls.cfg");
    std::fs::write(&tls_file, [side("server"), side("client")].concat())?;
    let head = format!(
        "#!KAMAILIO\ndebug=2\nlog_stderror=yes\nchildren=1\ntcp_children=2\nenable_tls=yes\n\
         listen=tls:{at}:{port}\nlisten=tcp:{at}:{phones}\nalias=\"{domain}\"\nmpath=\"{MODULES}\"\n\
         #!substdef \"!EDGE!sip:{edge};transport=tls!g\"\n"
    );
    let tls_line = format!(
        "modparam(\"tls\", \"config\", \"{}\")\n",
        tls_file.display()
    );
    let script = folder.join("partner.cfg");
    std::fs::write(&script, [&head, LOAD, &tls_line, ROUTES].concat())?;
    Ok(script)
}

const LOAD: &str = r#"
loadmodule "tls.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "nathelper.so"
modparam("tm", "fr_timer", 5000)
modparam("rr", "enable_full_lr", 1)
modparam("nathelper|registrar", "received_avp", "$avp(received)")
"#;

const ROUTES: &str = r#"
event_route[core:worker-one-init] { xlog("L_INFO", "this partner is ready\n"); }

request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    if (has_totag()) {
        if (!loose_route()) { if (is_method("ACK") && t_check_trans()) t_relay(); exit; }
        if ($proto == "tcp") { $du = "EDGE"; } else { handle_ruri_alias(); }
        t_on_reply("contact");
        t_relay();
        exit;
    }
    if (is_method("REGISTER")) { fix_nated_register(); save("location"); exit; }
    if (is_method("INVITE")) { record_route(); set_contact_alias(); t_on_reply("contact"); }
    if ($proto == "tcp") { $du = "EDGE"; }
    else if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
    t_relay();
}

onreply_route[contact] { if ($proto == "tcp") { set_contact_alias(); } }
"#;
