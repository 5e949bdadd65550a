//! Pictures of a report for people: an SVG of the matrix, and one page with everything.
//!
//! Both say everything in text: colour only repeats it, and colours that mean different things differ in lightness too.
//! Neither has scripts nor needs anything from elsewhere.

mod html;
mod svg;

pub use html::html;
pub use svg::svg;

use super::found::Verdict;

/// The colours of a verdict: ground and text. Their contrast is at least 7 to 1, and their grounds differ in lightness.
const fn colours(verdict: Option<Verdict>) -> (&'static str, &'static str) {
    match verdict {
        Some(Verdict::Pass) => ("#c8e8c8", "#10300f"),
        Some(Verdict::Untried) => ("#5a5a5a", "#ffffff"),
        Some(Verdict::Fail) => ("#8b1414", "#ffffff"),
        None => ("#ffffff", "#404040"),
    }
}

/// Writes a text so that it is nothing but text.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Not allowed in XML, and nothing that a name or an answer needs.
            control if control.is_control() && control != '\n' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}
