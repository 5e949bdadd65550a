//! Pictures for people who have more than a terminal: an SVG, and one page in which a message can be selected.
//!
//! Both say in text what colour repeats. The SVG has no script; the page has one small script, and a policy that lets
//! nothing else run and nothing be loaded, whatever a peer has written into a message.

mod html;
mod style;
mod svg;

pub use html::html;
pub use svg::{MOST_ROWS, svg};

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
            // Not allowed in XML, and nothing that a message needs.
            control if control.is_control() && control != '\n' => safe.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}
