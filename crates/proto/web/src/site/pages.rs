//! The pages behind the short addresses: what a browser shows before the right client is started.
//!
//! No scripts, no cookies, nothing from elsewhere; the policy that goes out with each page allows its one style and
//! nothing more. What a visitor wrote into the address is checked before it is shown, and escaped when it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use directory::Aor;
use sha2::{Digest as _, Sha256};

use super::text::escape;

const STYLE: &str = "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:12vh auto;padding:0 1rem;color:#222}\
h1{font-weight:600}a.start{display:inline-block;padding:.5rem 1.25rem;border-radius:.4rem;background:#155a9c;color:#fff;\
text-decoration:none}p.small{color:#555;font-size:.95rem}";

/// The longest name of a meeting.
const MEETING_MAX: usize = 64;

/// Returns the policy for browsers that goes with every page.
pub(super) fn policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The page of a meeting, out of what follows the short address: `/organiser/meeting`, or nothing. `None` if that names no
/// meeting. Whether there is such an organiser is not looked up: anybody may ask, and nobody is told.
pub(super) fn meet(domain: &str, rest: &str) -> Option<String> {
    if rest.is_empty() {
        let text =
            "<p>The link in the invitation leads to the meeting. This address alone does not.</p>";
        return Some(page("Meetings", text));
    }
    let (user, meeting) = rest.strip_prefix('/')?.split_once('/')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if meeting.is_empty() || meeting.len() > MEETING_MAX || !meeting.chars().all(fits) {
        return None;
    }
    let organiser = Aor::parse(&format!("{user}@{domain}")).ok()?;
    let uri = escape(&format!(
        "{}?Subject=Meeting%20{meeting}",
        organiser.as_str()
    ));
    let shown = escape(organiser.as_str().trim_start_matches("sip:"));
    let text = format!(
        "<p>Meeting <b>{meeting}</b> of {shown}</p>\n<p><a class=\"start\" href=\"{uri}\">Join</a></p>\n\
         <p class=\"small\">The button starts the phone that this device uses for SIP. If nothing happens, call \
         {shown} from a phone that is signed in.</p>"
    );
    Some(page("Join the meeting", &text))
}

/// The page of dial-in numbers.
pub(super) fn dialin(domain: &str) -> String {
    let domain = escape(domain);
    let text = format!(
        "<p>No dial-in numbers are published for {domain}.</p>\n\
         <p class=\"small\">The organiser of a meeting can be called from any phone that is signed in.</p>"
    );
    page("Dial-in numbers", &text)
}

/// The page for administrators, with how this machine is.
pub(super) fn admin(machine: &str, report: &[u8]) -> String {
    let (machine, report) = (escape(machine), escape(&String::from_utf8_lossy(report)));
    let text = format!(
        "<p>{machine} says of itself:</p>\n<pre>{report}</pre>\n\
         <p class=\"small\">Everything else is done with the command <code>vestibule</code> on the machine.</p>"
    );
    page("Administration", &text)
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\n\
         <body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_a_meeting_starts_a_call_to_its_organiser() {
        let page = meet("contoso.com", "/alice/4K2X").unwrap();
        assert!(page.contains("href=\"sip:alice@contoso.com?Subject=Meeting%204K2X\""));
        let page = meet("contoso.com", "/o'neil&co/1").unwrap();
        assert!(page.contains("href=\"sip:o&#39;neil&amp;co@contoso.com?Subject"));
        assert!(meet("contoso.com", "").unwrap().contains("invitation"));
    }

    #[test]
    fn what_is_no_meeting_has_no_page() {
        let long = format!("/alice/{}", "a".repeat(65));
        for rest in [
            "/alice",
            "/alice/",
            "//1",
            "/alice/1/2",
            "/alice/<b>",
            "/<script>/1",
            "/al\"ice/1",
            &long,
        ] {
            assert_eq!(meet("contoso.com", rest), None, "{rest}");
        }
    }

    #[test]
    fn what_a_machine_says_of_itself_is_shown_as_text() {
        let page = admin("dir01.contoso.net", b"{\"a\":\"<b>\"}");
        assert!(page.contains("<pre>{&quot;a&quot;:&quot;&lt;b&gt;&quot;}</pre>"));
    }

    #[test]
    fn the_policy_allows_the_style_of_the_pages_and_nothing_else() {
        let policy = policy();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"));
    }
}
