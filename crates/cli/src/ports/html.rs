//! The port summary as one page: no scripts, nothing fetched, readable on paper and on a small screen.

use topology::{HostLine, Line};

use super::forms::host;
use super::head::Head;

/// More hosts than these are folded.
const SHOWN: usize = 6;

const STYLE: &str = "\
:root { color-scheme: light dark; font: 1rem/1.45 system-ui, 'Noto Sans KR', sans-serif; }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding-bottom: .75rem; }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding: .5rem .75rem; text-align: left; vertical-align: top; }
thead th { border-bottom-width: 2px; }
tbody tr:target { outline: 2px solid; }
.id { text-align: right; font-variant-numeric: tabular-nums; }
.service, li { font-family: ui-monospace, monospace; font-size: .9em; }
.service { white-space: nowrap; }
ul { list-style: none; margin: .25rem 0 0; padding: 0; }
summary { cursor: pointer; font-size: .9em; }
@media print { body { margin: 0; max-width: none; font-size: 9pt; } thead { display: table-header-group; } tr { break-inside: avoid; } }
@media (max-width: 48rem) { thead { display: none; } tr, td { display: block; border: 0; text-align: left; } tr { border-bottom: 1px solid; padding: .5rem 0; } td { padding: .1rem 0; } }";

/// Returns the page.
pub(super) fn page(lines: &[Line], head: &Head) -> String {
    let columns = [
        ("id", head.id),
        ("service", head.service),
        ("source", head.source),
        ("destination", head.destination),
        ("note", head.note),
    ];
    let names = columns
        .map(|(class, name)| format!("<th scope=\"col\" class=\"{class}\">{}</th>", escaped(name)));
    let mut rows = Vec::with_capacity(lines.len());
    let mut last = None;
    for line in lines {
        // Services of one row follow each other; the first of them is where a link leads.
        let anchor = if last.replace(line.id) == Some(line.id) {
            String::new()
        } else {
            format!(" id=\"flow-{}\"", line.id)
        };
        rows.push(row(line, &anchor));
    }
    let (lang, title, intro) = (head.lang, escaped(head.title), escaped(head.intro));
    format!(
        "<!DOCTYPE html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
         <table>\n<caption>{intro}</caption>\n<thead>\n<tr>{}</tr>\n</thead>\n<tbody>\n{}\n</tbody>\n</table>\n\
         </main>\n</body>\n</html>",
        names.concat(),
        rows.join("\n"),
    )
}

fn row(line: &Line, anchor: &str) -> String {
    format!(
        "<tr{anchor}><td class=\"id\">{}</td><td class=\"service\">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        line.id,
        escaped(&line.service()),
        party(&line.source, &line.source_hosts),
        party(&line.destination, &line.destination_hosts),
        escaped(line.note),
    )
}

/// The words for a party, then its hosts; many hosts are folded behind their number.
fn party(words: &str, hosts: &[HostLine]) -> String {
    let words = escaped(words);
    if hosts.is_empty() {
        return words;
    }
    let items: Vec<String> = hosts
        .iter()
        .map(|one| format!("<li>{}</li>", escaped(&host(one))))
        .collect();
    let list = format!("<ul>{}</ul>", items.concat());
    if hosts.len() > SHOWN {
        format!(
            "{words}<details><summary>{}</summary>{list}</details>",
            hosts.len()
        )
    } else {
        format!("{words}{list}")
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_markup_is_text() {
        assert_eq!(
            escaped("a<b> & \"c\" 'd'"),
            "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;"
        );
    }
}
