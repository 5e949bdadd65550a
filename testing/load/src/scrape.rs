//! What a machine's page of metrics says of its trace records.

use std::net::SocketAddr;
use std::ops::{AddAssign, Sub};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Trace records of a machine, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Records {
    /// On the disk or on their way to it.
    pub(crate) kept: u64,
    /// Lost, for whatever reason.
    pub(crate) dropped: u64,
}

impl AddAssign for Records {
    fn add_assign(&mut self, other: Self) {
        self.kept += other.kept;
        self.dropped += other.dropped;
    }
}

impl Sub for Records {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            kept: self.kept.saturating_sub(other.kept),
            dropped: self.dropped.saturating_sub(other.dropped),
        }
    }
}

/// Adds up what several machines say.
///
/// # Errors
/// One of them says nothing of it.
pub(crate) async fn all(pages: &[SocketAddr]) -> anyhow::Result<Records> {
    let mut sum = Records::default();
    for page in pages {
        let text = get(*page).await?;
        sum += read(&text).with_context(|| format!("{page} tells nothing of trace records"))?;
    }
    Ok(sum)
}

async fn get(page: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(page).await?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

fn read(page: &str) -> Option<Records> {
    let sum = |name: &str| {
        let lines = page.lines().filter_map(|line| line.strip_prefix(name));
        let values = lines.filter_map(|line| line.strip_prefix('{')?.rsplit(' ').next());
        let values: Vec<u64> = values.filter_map(|value| value.parse().ok()).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    };
    Some(Records {
        kept: sum("vestibule_log_kept")?,
        dropped: sum("vestibule_log_dropped")?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Records, read};

    #[test]
    fn what_is_dropped_for_several_reasons_is_added_up() {
        let page = "# TYPE vestibule_log_kept counter\nvestibule_log_kept{machine=\"a\"} 7\n\
                    vestibule_log_dropped{machine=\"a\",why=\"queue\"} 2\n\
                    vestibule_log_dropped{machine=\"a\",why=\"disk\"} 3\n";
        let (kept, dropped) = (7, 5);
        assert_eq!(read(page), Some(Records { kept, dropped }));
        assert_eq!(read("nothing"), None);
    }
}
