//! What peers write is text and nothing else, on a terminal, in SVG and on a page.

use ladder::text::{Look, draw, message};
use ladder::{Ladder, Subject, picture};
use logs::{Record, Text, Value};
use proptest::prelude::*;

use crate::world::{failed_call, known};

/// A call in which every word that a peer can choose is this one.
fn call_of(word: &str) -> Vec<Record> {
    let mut records = failed_call();
    for record in &mut records {
        record.call_id = Some(Value::new(word));
        record.reason = record.reason.as_ref().map(|_| Value::new(word));
        record.text = Text::new(
            &record
                .text
                .replace("host", word)
                .replace("Unavailable", word),
        );
        for uri in [&mut record.from, &mut record.to, &mut record.request] {
            *uri = uri
                .as_ref()
                .map(|_| Value::new(&format!("sip:{word}@contoso.com")));
        }
    }
    records
}

fn drawn(word: &str) -> Ladder {
    Ladder::draw(&call_of(word), &Subject::All, &known())
}

/// The names of all tags, in order.
fn tags(page: &str) -> Vec<String> {
    let names = page.split('<').skip(1).map(|rest| {
        let end = rest.find(|sign: char| !sign.is_ascii_alphanumeric() && !"/!".contains(sign));
        rest[..end.unwrap_or(rest.len())].to_owned()
    });
    // How many lines a text takes depends on the text.
    names
        .filter(|name| !["text", "/text"].contains(&name.as_str()))
        .collect()
}

fn is_well_formed(svg: &str) -> Result<(), TestCaseError> {
    let mut reader = quick_xml::Reader::from_str(svg);
    reader.config_mut().check_end_names = true;
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Eof) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }
}

const WORST: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onload='alert(1)",
    "]]></style></svg><script>",
    "&lt;script&gt;&#60;",
    "\u{202e}evil\u{2066}\u{200b}",
    "\x1b[2J\x1b]0;x\x07\u{9b}31m",
    "日本語\u{301}\u{301}\u{1f600}",
];

#[test]
fn a_page_has_the_same_elements_whatever_peers_write() {
    let plain = drawn("x");
    let (page, svg) = (tags(&picture::html(&plain)), tags(&picture::svg(&plain)));
    for word in WORST {
        let hostile = drawn(word);
        assert_eq!(tags(&picture::html(&hostile)), page, "{word}");
        assert_eq!(tags(&picture::svg(&hostile)), svg, "{word}");
        is_well_formed(&picture::svg(&hostile)).unwrap();
    }
}

#[test]
fn what_peers_write_can_be_read_on_the_page() {
    let page = picture::html(&drawn("<b>&amp;\"'"));
    assert!(page.contains("Via: SIP/2.0/TLS &lt;b&gt;&amp;amp;&quot;&#39;;branch="));
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(page.contains("default-src 'none'"));
    for outside in ["http://", "https://", "src=", "url(", "@import"] {
        let page = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn a_terminal_is_steered_by_nobody() {
    for word in WORST {
        let ladder = drawn(word);
        let picture = draw(&ladder, Look::default());
        let message = message(&ladder, 1, Look::default()).unwrap();
        for text in [picture, message] {
            let steers = |sign: char| {
                (sign.is_control() && sign != '\n')
                    || "\u{202e}\u{2066}\u{200b}\u{301}".contains(sign)
            };
            assert!(!text.contains(steers), "{word:?} {text}");
        }
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    use unicode_width::UnicodeWidthStr as _;
    for word in WORST.into_iter().chain([
        "x",
        "averyverylongwordwithoutanyplacetobreakitanywhereatall",
    ]) {
        let ladder = drawn(word);
        for width in 40..=200 {
            for ascii in [false, true] {
                let look = Look {
                    width,
                    ascii,
                    colour: false,
                };
                for line in draw(&ladder, look).lines() {
                    assert!(line.width() <= width, "{width} {word:?}\n{line}");
                }
            }
        }
    }
}

#[test]
fn without_unicode_nothing_is_drawn_but_ascii() {
    let ladder = drawn("x");
    for width in [40, 60, 100, 200] {
        let look = Look {
            width,
            ascii: true,
            colour: false,
        };
        assert!(draw(&ladder, look).is_ascii(), "{width}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_word_leaves_the_pictures_whole(word in "(\\PC|[<>&\"'\\x00-\\x1f\\u{202e}]){0,30}") {
        let ladder = drawn(&word);
        is_well_formed(&picture::svg(&ladder))?;
        prop_assert_eq!(tags(&picture::html(&ladder)), tags(&picture::html(&drawn("x"))));
        let json = serde_json::to_value(&ladder).unwrap();
        prop_assert!(json.get("rows").is_some_and(|rows| rows.is_array()));
    }
}
