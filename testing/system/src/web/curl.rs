//! Debian's `curl` as a browser: HTTP/1.1 and HTTP/2, with names of the test's own and an authority that it believes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

use crate::names::Resolver;

/// How long a transfer may take, in seconds.
const PATIENCE: &str = "20";

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum CurlError {
    /// It cannot be run.
    #[error("curl cannot be run")]
    Run(#[source] io::Error),
    /// It ended with a fault of the connection; its own words.
    #[error("curl failed with {code:?}: {said}")]
    Failed {
        /// Its exit code.
        code: Option<i32>,
        /// What it said.
        said: String,
    },
    /// What it printed is no answer.
    #[error("curl printed no answer: {0}")]
    NoAnswer(String),
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The version, as in the first line: `1.1` or `2`.
    pub version: String,
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Returns a header by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A browser.
#[derive(Debug, Clone)]
pub struct Curl {
    root: PathBuf,
    names: Vec<(String, SocketAddr)>,
    server: Option<(Ipv4Addr, PathBuf)>,
}

impl Curl {
    /// Believes an authority and knows no names yet.
    #[must_use]
    pub fn believing(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            names: Vec::new(),
            server: None,
        }
    }

    /// Asks this name service for what it does not know; needs root, and a folder for its configuration.
    #[must_use]
    pub fn asking(mut self, server: Ipv4Addr, folder: &Path) -> Self {
        self.server = Some((server, folder.to_path_buf()));
        self
    }

    /// Learns where a name is served.
    #[must_use]
    pub fn knowing(mut self, name: &str, address: SocketAddr) -> Self {
        self.names.push((name.to_owned(), address));
        self
    }

    /// Fetches an address with these words of curl's command line.
    ///
    /// # Errors
    /// See [`CurlError`]; an answer with whatever status is none.
    pub fn fetch(&self, words: &[&str], url: &str) -> Result<Answer, CurlError> {
        let mut command = self.command().map_err(CurlError::Run)?;
        command.args(["--silent", "--show-error", "--include", "--noproxy", "*"]);
        command.args(["--path-as-is", "--max-time", PATIENCE, "--cacert"]);
        command.arg(&self.root).args(words);
        for (name, address) in &self.names {
            let known = format!("{name}:{}:{}", address.port(), address.ip());
            command.args(["--resolve", &known]);
        }
        let output = command.arg(url).stdin(Stdio::null()).output();
        let output = output.map_err(CurlError::Run)?;
        if !output.status.success() {
            return Err(CurlError::Failed {
                code: output.status.code(),
                said: String::from_utf8_lossy(&output.stderr).into_owned(),
            });
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        read(&text).ok_or(CurlError::NoAnswer(text))
    }

    fn command(&self) -> io::Result<Command> {
        match &self.server {
            Some((server, folder)) => Resolver::Server(*server).command("curl".as_ref(), folder),
            None => Ok(Command::new("curl")),
        }
    }
}

/// Reads head and body; interim answers are passed over.
fn read(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let version = first.next()?.strip_prefix("HTTP/")?.to_owned();
    let status: u16 = first.next()?.parse().ok()?;
    if (100..200).contains(&status) && status != 101 {
        return read(body);
    }
    let headers = lines.filter_map(|line| line.split_once(": "));
    Some(Answer {
        version,
        status,
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn an_answer_is_read_after_interim_ones() {
        let text =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/2 404 \r\nContent-Type: a\r\n\r\nbody\r\n\r\nmore";
        let answer = read(text).unwrap();
        assert_eq!((answer.version.as_str(), answer.status), ("2", 404));
        assert_eq!(answer.header("content-type"), Some("a"));
        assert_eq!(answer.body, "body\r\n\r\nmore");
    }
}
