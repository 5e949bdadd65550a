//! Debian's Kamailio as a collector of HEP: an independent reader of what we export for HOMER.
//!
//! Its module `sipcapture` unpacks each packet and hands the message on as if it had come from the address that the packet names.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::kamailio::KamailioError;
use crate::process::{Mark, Process, ProcessError};

const READY: &str = "this collector is ready";
const SOON: Duration = Duration::from_secs(20);

/// A running collector.
#[derive(Debug)]
pub struct Collector {
    process: Process,
    /// Where it takes packets.
    pub address: SocketAddr,
}

impl Collector {
    /// Starts it at an address of its own; returns when it listens, over UDP.
    ///
    /// # Errors
    /// Fails when Kamailio is not installed, its files cannot be written or it does not start.
    pub fn start(folder: &Path, at: Ipv4Addr) -> Result<Self, KamailioError> {
        let program = crate::needs::program("kamailio").ok_or(KamailioError::NotInstalled)?;
        let address = SocketAddr::new(at.into(), PORT);
        let script = folder.join("collector.cfg");
        let database = folder.join("none");
        std::fs::create_dir_all(&database).map_err(KamailioError::Configuration)?;
        let text = SCRIPT
            .replace("ADDRESS", &address.to_string())
            .replace("DATABASE", &database.display().to_string());
        std::fs::write(&script, text).map_err(KamailioError::Configuration)?;
        let mut command = Command::new(program);
        command
            .arg("-f")
            .arg(script)
            .arg("-w")
            .arg(folder)
            .arg("-Y")
            .arg(folder);
        command.args(["-DD", "-E", "-m", "32", "-M", "4"]);
        let process = Process::start("collector", command, folder)?;
        process.wait_line(Mark::default(), SOON, "ready", |line| line.contains(READY))?;
        Ok(Self { process, address })
    }

    /// Waits for the message of which this is said: kind, method, Call-ID, source and, in hexadecimal, all of it.
    ///
    /// # Errors
    /// Fails when it does not come in time.
    pub fn wait_for(&self, said: &str) -> Result<(), ProcessError> {
        let line = |line: &str| line.contains(said);
        self.process
            .wait_line(Mark::default(), SOON, said, line)
            .map(|_| ())
    }
}

/// The port at which collectors of HEP are usually found; the address is the test's own.
const PORT: u16 = 9060;

const SCRIPT: &str = r#"#!KAMAILIO
debug=2
log_stderror=yes
children=1
disable_tcp=yes
listen=udp:ADDRESS
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "textops.so"
loadmodule "db_text.so"
loadmodule "sipcapture.so"
modparam("sipcapture", "db_url", "text://DATABASE")
modparam("sipcapture", "hep_capture_on", 1)
modparam("sipcapture", "capture_on", 1)
event_route[core:worker-one-init] { xlog("L_INFO", "this collector is ready\n"); }
request_route { xlog("L_INFO", "request $rm $ci from $si:$sp: $(mb{s.encode.hexa})\n"); exit; }
onreply_route { xlog("L_INFO", "answer $rs $rm $ci from $si:$sp: $(mb{s.encode.hexa})\n"); }
"#;
