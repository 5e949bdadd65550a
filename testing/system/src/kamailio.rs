//! Debian's Kamailio as registrar and proxy: the peer that proves the phones and this harness alone.
//!
//! When a test against the product fails and its twin against Kamailio passes, the fault is the product's. The script
//! does the least a registrar and proxy must: digest for REGISTER, INVITE and MESSAGE, Record-Route, forwarding by
//! location. A phone is reached over the connection it opened, inside a dialog too: what stands in its Contact accepts
//! no TLS connection.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use thiserror::Error;

use crate::authority::Identity;
use crate::process::{Mark, Process, ProcessError};

const MODULES: &str = "/usr/lib/x86_64-linux-gnu/kamailio/modules/";
const READY: &str = "this peer is ready";
const SOON: Duration = Duration::from_secs(20);

/// Why Kamailio does not run.
#[derive(Debug, Error)]
pub enum KamailioError {
    /// It is not installed.
    #[error("kamailio is not installed")]
    NotInstalled,
    /// Its configuration could not be written.
    #[error("the configuration of kamailio could not be written")]
    Configuration(#[source] io::Error),
    /// It did not start.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// A running Kamailio.
#[derive(Debug)]
pub struct Kamailio {
    _process: Process,
}

impl Kamailio {
    /// Starts Kamailio for a domain, over TLS at an address; returns when it listens.
    ///
    /// # Errors
    /// Fails when it is not installed, its files cannot be written or it does not start.
    pub fn start(
        folder: &Path,
        (at, port): (Ipv4Addr, u16),
        domain: &str,
        identity: &Identity,
    ) -> Result<Self, KamailioError> {
        let program = crate::needs::program("kamailio").ok_or(KamailioError::NotInstalled)?;
        let script = configure(folder, (at, port), domain, identity)
            .map_err(KamailioError::Configuration)?;
        let mut command = Command::new(program);
        command
            .arg("-f")
            .arg(script)
            .arg("-w")
            .arg(folder)
            .arg("-Y")
            .arg(folder);
        command.args(["-DD", "-E", "-m", "32", "-M", "4"]);
        let process = Process::start("kamailio", command, folder)?;
        process.wait_line(Mark::default(), SOON, "ready", |line| line.contains(READY))?;
        Ok(Self { _process: process })
    }

    /// Returns the password of a user; every user name exists.
    #[must_use]
    pub fn password(user: &str) -> String {
        format!("secret-{user}")
    }
}

fn configure(
    folder: &Path,
    (at, port): (Ipv4Addr, u16),
    domain: &str,
    identity: &Identity,
) -> io::Result<PathBuf> {
    let tls = format!(
        "[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n\
         certificate = {}\nprivate_key = {}\n",
        identity.certificate.display(),
        identity.key.display()
    );
    let tls_file = folder.join("tls.cfg");
    std::fs::write(&tls_file, tls)?;
    let head = format!(
        "#!KAMAILIO\ndebug=2\nlog_stderror=yes\nchildren=1\ntcp_children=2\nenable_tls=yes\n\
         listen=tls:{at}:{port}\nalias=\"{domain}\"\nmpath=\"{MODULES}\"\n#!substdef \"/DOMAIN/{domain}/\"\n"
    );
    let script = folder.join("kamailio.cfg");
    let tls_line = format!(
        "modparam(\"tls\", \"config\", \"{}\")\n",
        tls_file.display()
    );
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
loadmodule "auth.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "nathelper.so"
modparam("rr", "enable_full_lr", 1)
modparam("registrar", "gruu_enabled", 0)
modparam("nathelper|registrar", "received_avp", "$avp(received)")
"#;

const ROUTES: &str = r#"
event_route[core:worker-one-init] { xlog("L_INFO", "this peer is ready\n"); }

request_route {
    if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
    if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
    if (has_totag()) {
        if (loose_route()) { handle_ruri_alias(); t_on_reply("contact"); t_relay(); exit; }
        if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
        sl_send_reply("404", "Not Here"); exit;
    }
    $avp(password) = "secret-" + $fU;
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("DOMAIN", "$avp(password)", "0")) { www_challenge("DOMAIN", "1"); exit; }
        fix_nated_register();
        save("location");
        exit;
    }
    if (is_method("INVITE|MESSAGE")) {
        if (!pv_proxy_authenticate("DOMAIN", "$avp(password)", "0")) { proxy_challenge("DOMAIN", "1"); exit; }
        consume_credentials();
    }
    if (is_method("INVITE")) { record_route(); set_contact_alias(); t_on_reply("contact"); }
    if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
    t_relay();
}

onreply_route[contact] { set_contact_alias(); }
"#;
