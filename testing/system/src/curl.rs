//! Debian's `curl`: a foreign client of the web sites.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

/// Asks web sites of one deployment.
#[derive(Debug, Clone)]
pub struct Curl {
    root: PathBuf,
    words: Vec<String>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// `HTTP/1.1` or `HTTP/2`.
    pub version: String,
    /// The status.
    pub status: u16,
    /// Headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Curl {
    /// A client that believes an authority.
    #[must_use]
    pub fn believing(root: PathBuf) -> Self {
        Self {
            root,
            words: Vec::new(),
        }
    }

    /// The same client with more words on its command line.
    #[must_use]
    pub fn with(&self, words: &[&str]) -> Self {
        let mut more = self.clone();
        more.words.extend(words.iter().map(ToString::to_string));
        more
    }

    /// Asks for an address; the connection goes to `at`, whatever the address says.
    ///
    /// # Errors
    /// Fails when curl cannot be run or gets no answer; its words are in the error.
    pub fn ask(&self, at: SocketAddr, address: &str) -> io::Result<Page> {
        let mut curl = Command::new("curl");
        // Nothing from a settings file or the surroundings of whoever runs the tests.
        curl.args([
            "-q",
            "--silent",
            "--show-error",
            "--include",
            "--noproxy",
            "*",
        ]);
        curl.args(["--max-time", "20", "--connect-to"]);
        curl.arg(format!("::{}:{}", at.ip(), at.port()));
        curl.arg("--cacert").arg(&self.root);
        let output = curl.args(&self.words).arg(address).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(said));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        read(&text).ok_or_else(|| io::Error::other(format!("no answer: {text}")))
    }
}

impl Page {
    /// Returns the value of a header, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(own, _)| own == name);
        found.next().map_or("", |(_, value)| value)
    }

    /// Returns the body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

fn read(text: &str) -> Option<Page> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let version = first.next()?.to_owned();
    let status = first.next()?.parse().ok()?;
    if status == 100 {
        return read(body);
    }
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    Some(Page {
        version,
        status,
        headers: lines.filter_map(header).collect(),
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn an_answer_is_read_and_an_interim_one_is_passed_over() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/2 401 \r\nServer: x\r\nX-A: b: c\r\n\r\nhello\r\n\r\nyou";
        let page = read(text).unwrap();
        assert_eq!((page.version.as_str(), page.status), ("HTTP/2", 401));
        assert_eq!((page.header("x-a"), page.header("none")), ("b: c", ""));
        assert_eq!(page.body, "hello\r\n\r\nyou");
        assert_eq!(read("nothing"), None);
    }
}
