//! Whose request it is, as the proxy before says.

use std::net::IpAddr;

use http::HeaderMap;

/// Returns the address that the last proxy has put down in `X-Forwarded-For`. Whoever asks has made sure that the last
/// proxy is one of ours: everybody else writes there what they like.
#[must_use]
pub fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").into_iter().next_back()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_about_whose_request_it_is_counts() {
        let read = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            forwarded_for(&headers).map(|address| address.to_string())
        };
        assert_eq!(read(&["192.0.2.1"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(read(&["10.0.0.1, 192.0.2.1"]).as_deref(), Some("192.0.2.1"));
        assert_eq!(
            read(&["10.0.0.1", "192.0.2.1"]).as_deref(),
            Some("192.0.2.1")
        );
        assert_eq!(read(&["2001:db8::1"]).as_deref(), Some("2001:db8::1"));
        for lines in [&[][..], &["unknown"], &["192.0.2.1, x"], &[""]] {
            assert_eq!(read(lines), None, "{lines:?}");
        }
    }
}
