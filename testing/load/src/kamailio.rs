//! Kamailio as Debian ships it, with the configurations of `testing/load/kamailio`, as a plain foreground process.
//!
//! The configurations are templates; what is filled in is the address, the certificate, the accounts and the hash of
//! Digest. Nothing of the system's own Kamailio (service, user, files in `/etc`) is used or touched.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustls::pki_types::ServerName;
use tokio::process::Command;

use crate::peer::{DOMAIN, PASSWORD, Server, USERS};
use crate::phone::{Target, Work};
use crate::process::Process;
use crate::tls::{self, Files};

const PROGRAM: &str = "/usr/sbin/kamailio";
const COMMON: &str = include_str!("../kamailio/common.cfg");
const REDIRECT: &str = include_str!("../kamailio/redirect.cfg");
const RELAY: &str = include_str!("../kamailio/relay.cfg");
const REGISTRAR: &str = include_str!("../kamailio/registrar.cfg");

/// Where Debian puts the modules: below the directory of the processor's own libraries.
const LIBRARIES: &str = "/usr/lib";

/// Which of its memory managers Kamailio uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// `qm`, which keeps records for finding faults: what runs when nothing is said.
    Checking,
    /// `fm`, which keeps none.
    Fast,
}

/// Starts the configuration that does this work; `None` if Kamailio with TLS is not installed.
///
/// # Errors
/// It is installed and does not start.
pub(crate) async fn start(
    work: Work,
    memory: Memory,
    below: &Path,
    files: &Files,
) -> anyhow::Result<Option<Server>> {
    let Some(modules) = modules() else {
        return Ok(None);
    };
    let (name, text) = match work {
        Work::Redirect => ("redirect.cfg", REDIRECT),
        Work::Register => ("registrar.cfg", REGISTRAR),
        Work::Call => ("relay.cfg", RELAY),
        Work::Echo(_) | Work::CallAcross => return Ok(None),
    };
    let addr = free_address()?;
    let words = [
        ("@ADDRESS@", addr.to_string()),
        ("@MODULES@", format!("{}/", modules.display())),
        ("@CERTIFICATE@", files.certificate.display().to_string()),
        ("@KEY@", files.key.display().to_string()),
        ("@ALGORITHM@", "SHA-256".to_owned()),
        ("@HASH@", "sha256".to_owned()),
        ("@USERS@", USERS.to_string()),
        ("@DOMAIN@", DOMAIN.to_owned()),
        ("@PASSWORD@", PASSWORD.to_owned()),
    ];
    let fill = |text: &str| {
        words.iter().fold(text.to_owned(), |text, (word, value)| {
            text.replace(word, value)
        })
    };
    let directory = below.join(format!("kamailio-{memory:?}-{name}"));
    fs::create_dir_all(&directory)?;
    let config = directory.join(name);
    fs::write(directory.join("common.cfg"), fill(COMMON))?;
    fs::write(&config, fill(text))?;
    let mut command = Command::new(PROGRAM);
    command.args(["-DD", "-E", "-m", "1024", "-M", "16"]);
    if memory == Memory::Fast {
        command.args(["-x", "fm", "-X", "fm"]);
    }
    command.arg("-Y").arg(&directory).arg("-f").arg(&config);
    let target = Target {
        addr,
        name: ServerName::try_from(DOMAIN)?,
        tls: tls::client(&files.certificate)?,
        domain: DOMAIN.to_owned(),
        password: PASSWORD.to_owned(),
        callee: None,
    };
    let process = Process::start("kamailio", &mut command, &directory.join("log"))?;
    let server = Server {
        measured: vec![process],
        companions: Vec::new(),
        pages: Vec::new(),
        target,
    };
    server
        .ready(work)
        .await
        .map(Some)
        .context("kamailio does not get ready")
}

fn modules() -> Option<PathBuf> {
    fs::metadata(PROGRAM).ok()?;
    let libraries = fs::read_dir(LIBRARIES).ok()?;
    libraries
        .filter_map(|entry| Some(entry.ok()?.path().join("kamailio/modules")))
        .find(|modules| fs::metadata(modules.join("tls.so")).is_ok())
}

/// A port that nobody listens on. Kamailio cannot be handed a listener; should someone else take the port in between,
/// it does not start and says so.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
