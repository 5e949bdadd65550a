//! Someone at the door with Debian's `openssl`: no certificate, one of their own making, or a stolen one.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use thiserror::Error;

use crate::authority::Identity;
use crate::process::{Mark, Process, ProcessError};
use crate::tls::{PATIENCE, SERVER_PROTOCOL};

/// Why the stranger could not even knock.
#[derive(Debug, Error)]
pub enum StrangerError {
    /// The tool cannot be run.
    #[error("openssl cannot be run")]
    Run(#[source] io::Error),
    /// The tool did not make a certificate.
    #[error("openssl made no certificate: {0}")]
    Make(String),
    /// The tool was neither answered nor refused.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// What came of knocking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The first line of an answer came: the door was opened.
    Answered(String),
    /// The connection ended without an answer; what the tool said of it.
    Refused(String),
}

impl Outcome {
    /// Tells whether the tool reports this TLS alert, in its own words.
    #[must_use]
    pub fn is_alert(&self, words: &str) -> bool {
        matches!(self, Self::Refused(said) if said.contains("alert") && said.contains(words))
    }
}

/// A door to knock at.
#[derive(Debug, Clone, Copy)]
pub struct Door<'a> {
    /// Where.
    pub address: SocketAddr,
    /// The name that the server should prove.
    pub name: &'a str,
    /// The authority that should vouch for it.
    pub root: &'a Path,
}

/// Connects, shows a certificate if there is one (and says that it is a machine), says `request` and waits for the first line of an answer or the end.
///
/// # Errors
/// Fails when neither comes in time.
pub fn knock(
    door: Door<'_>,
    identity: Option<&Identity>,
    request: &str,
    folder: &Path,
) -> Result<Outcome, StrangerError> {
    let mut command = Command::new("openssl");
    command.args([
        "s_client",
        "-quiet",
        "-crlf",
        "-verify_return_error",
        "-servername",
        door.name,
    ]);
    command.args([
        "-verify_hostname",
        door.name,
        "-connect",
        &door.address.to_string(),
    ]);
    command.arg("-CAfile").arg(door.root);
    if let Some(Identity { certificate, key }) = identity {
        command.args(["-alpn", SERVER_PROTOCOL]);
        command.arg("-cert").arg(certificate).arg("-key").arg(key);
    }
    let mut process = Process::start("openssl", command, folder)?;
    // A server that refuses at once leaves nobody to speak to; how it refused is read below.
    let _ = process.say(request);
    let is_answer = |line: &str| line.starts_with("SIP/2.0 ") || line.starts_with("HTTP/1.1 ");
    match process.wait_line(Mark::default(), PATIENCE, "an answer or the end", is_answer) {
        Ok((_, line)) => Ok(Outcome::Answered(line)),
        Err(ProcessError::Ended { .. }) => Ok(Outcome::Refused(
            process.lines_since(Mark::default()).join("\n"),
        )),
        Err(error) => Err(error.into()),
    }
}

/// Makes a key and a certificate that only itself vouches for.
///
/// # Errors
/// Fails when the tool fails.
pub fn self_signed(name: &str, folder: &Path) -> Result<Identity, StrangerError> {
    let identity = Identity {
        certificate: folder.join("self.pem"),
        key: folder.join("self.key"),
    };
    let mut command = Command::new("openssl");
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]);
    command.args([
        "-subj",
        &format!("/CN={name}"),
        "-addext",
        &format!("subjectAltName=DNS:{name}"),
    ]);
    command
        .arg("-keyout")
        .arg(&identity.key)
        .arg("-out")
        .arg(&identity.certificate);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(StrangerError::Run)?;
    if output.status.success() {
        Ok(identity)
    } else {
        Err(StrangerError::Make(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }
}
