//! `vestibule ports` in its forms and languages.

use serde_json::Value;

use crate::{vestibule, vestibule_at};

/// The nine rows of the Director's port table as they are printed: service, source, destination.
const SEED: [[&str; 3]; 9] = [
    [
        "HTTP/TCP/8080",
        "역방향 프록시 내부 인터페이스",
        "디렉터 HLB VIP",
    ],
    [
        "HTTPS/TCP/4443",
        "역방향 프록시 내부 인터페이스",
        "디렉터 HLB VIP",
    ],
    [
        "HTTPS/TCP/444",
        "디렉터",
        "프런트 엔드 풀 또는 프런트 엔드 서버",
    ],
    ["HTTP/TCP/80", "내부 클라이언트", "디렉터 HLB VIP"],
    ["HTTPS/TCP/443", "내부 클라이언트", "디렉터 HLB VIP"],
    ["SIP/MTLS/TCP/5061", "에지 서버 내부 인터페이스", "디렉터"],
    ["MTLS/TCP/50001", "임의", "디렉터"],
    ["MTLS/TCP/50002", "임의", "디렉터"],
    ["MTLS/TCP/50003", "임의", "디렉터"],
];

#[test]
fn korean_and_english_rows_match_one_for_one() {
    let (en, ko) = (rows(&[]), rows(&["--lang", "ko"]));
    assert_eq!(en.len(), ko.len());
    assert!(en.len() > SEED.len());
    for (en, ko) in en.iter().zip(&ko) {
        // Flow, service and both lists of hosts are the same; words differ.
        for column in [0, 1, 3, 5] {
            assert_eq!(en[column], ko[column]);
        }
        assert_ne!((&en[2], &en[6]), (&ko[2], &ko[6]));
    }
    for (row, [service, source, destination]) in ko.iter().zip(SEED) {
        assert_eq!([&row[1], &row[2], &row[4]], [service, source, destination]);
    }
}

/// The cells of each line of a form: what stands in them before the hosts.
fn cells(form: &str, lang: &str) -> Vec<[String; 3]> {
    let page = vestibule(&["ports", "reference.toml", "--format", form, "--lang", lang]).out;
    let cell = |text: &str| {
        let end = text.find('<').unwrap_or(text.len());
        text[..end].trim().to_owned()
    };
    let row = |line: &str, mark: &str| {
        let all: Vec<String> = line.split(mark).skip(2).take(3).map(cell).collect();
        all.try_into().unwrap()
    };
    match form {
        "markdown" => page.lines().skip(2).map(|line| row(line, "|")).collect(),
        "html" => {
            let plain = page
                .replace(" class=\"id\"", "")
                .replace(" class=\"service\"", "");
            let lines = plain
                .lines()
                .filter(|line| line.starts_with("<tr") && line.contains("<td>"));
            lines.map(|line| row(line, "<td>")).collect()
        }
        other => panic!("{other} is no form"),
    }
}

#[test]
fn documents_and_pages_have_the_rows_of_the_sheet_in_both_languages() {
    for lang in ["en", "ko"] {
        let sheet = rows(&["--lang", lang]).into_iter();
        let sheet: Vec<[String; 3]> = sheet
            .map(|row| [row[1].clone(), row[2].clone(), row[4].clone()])
            .collect();
        for form in ["markdown", "html"] {
            assert_eq!(cells(form, lang), sheet, "{form} {lang}");
        }
    }
}

#[test]
fn the_page_is_one_file_in_its_language() {
    for (lang, title) in [("en", "Port summary"), ("ko", "포트 요약")] {
        let page = vestibule(&[
            "ports",
            "reference.toml",
            "--format",
            "html",
            "--lang",
            lang,
        ])
        .out;
        assert!(page.starts_with(&format!("<!DOCTYPE html>\n<html lang=\"{lang}\">")));
        assert!(page.contains(&format!("<title>{title}</title>")) && page.ends_with("</html>\n"));
        for absent in ["<script", "http://", "https://", "src=", "href=", "@import"] {
            assert!(!page.contains(absent), "{absent}");
        }
        let ids: Vec<&str> = page
            .split("<tr id=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        let mut unique = ids.clone();
        unique.dedup();
        assert_eq!(ids, unique);
        for tag in [
            "table", "tr", "td", "th", "ul", "li", "details", "summary", "style",
        ] {
            let (opened, closed) = (
                page.matches(&format!("<{tag}>")).count()
                    + page.matches(&format!("<{tag} ")).count(),
                page.matches(&format!("</{tag}>")).count(),
            );
            assert_eq!(opened, closed, "{tag}");
        }
    }
}

#[test]
fn every_form_tells_every_line() {
    let lines = rows(&[]).len();
    let json = vestibule(&["ports", "reference.toml", "--format", "json"]);
    let list: Vec<Value> = serde_json::from_str(&json.out).unwrap();
    assert_eq!(list.len(), lines);
    assert_eq!(
        vestibule(&["--json", "ports", "reference.toml"]).out,
        json.out
    );

    let markdown = vestibule(&["ports", "reference.toml", "--format", "markdown"]);
    assert_eq!(
        markdown.out.lines().count(),
        lines + 2,
        "a head, a ruler and the lines"
    );
    assert!(
        markdown
            .out
            .lines()
            .all(|line| line.starts_with("| ") && line.ends_with(" |"))
    );

    let table = vestibule(&["ports", "reference.toml"]);
    for line in &list {
        assert!(table.out.contains(line["note"].as_str().unwrap()), "{line}");
    }
}

#[test]
fn the_summary_narrows_to_a_machine_or_a_role() {
    let of = |arguments: &[&str]| -> Vec<String> {
        rows(arguments)
            .into_iter()
            .map(|row| row[0].clone())
            .collect()
    };
    let dns = of(&["--machine", "DNS01.contoso.net"]);
    assert_eq!(
        dns,
        [
            "17", "17", "18", "18", "18", "24", "30", "31", "31", "33", "35"
        ]
    );
    let outer = of(&["--machine", "ns01.contoso.net"]);
    let mut expected = [&dns[..], &["32".to_owned(), "32".to_owned()]].concat();
    expected.sort();
    assert_eq!(outer, expected);
    assert_eq!(of(&["--role", "dns"]), outer);
    assert_eq!(
        of(&["--role", "load-balancer"]),
        of(&["--machine", "lb01.contoso.net"])
    );
}

#[test]
fn unknown_machines_and_roles_are_told_with_those_that_exist() {
    let machine = vestibule(&["ports", "reference.toml", "--machine", "nobody.contoso.net"]);
    assert_eq!(machine.code, Some(2));
    assert!(
        machine.err.contains("it has edge01.contoso.net, "),
        "{}",
        machine.err
    );
    let role = vestibule(&["ports", "reference.toml", "--role", "boss"]);
    assert_eq!(role.code, Some(2));
    assert!(role.err.contains("director, front_end"), "{}", role.err);
}

#[test]
fn a_file_with_faults_has_no_ports() {
    let answer = vestibule(&["ports", "../testdata/bad/port-clash.toml"]);
    assert_eq!((answer.code, answer.out.as_str()), (Some(1), ""));
    assert!(answer.err.contains("error[port-clash]"));
}

#[test]
fn a_narrow_terminal_gets_paragraphs_and_no_word_is_cut() {
    let table = vestibule_at(Some(60), &["ports", "reference.toml"]).out;
    assert!(table.starts_with("Flow: 1\n"), "{table}");
    assert!(table.contains("\n\nFlow: 2\n"), "{table}");
    for whole in ["HTTP/TCP/8080", "dirpool01.contoso.net (10.0.0.10)"] {
        assert!(table.contains(whole), "{table}");
    }
    let wrapped = vestibule_at(Some(120), &["ports", "reference.toml"]).out;
    assert!(
        wrapped.lines().all(|line| line.chars().count() <= 120),
        "{wrapped}"
    );
    assert!(wrapped.contains("dirpool01.contoso.net"), "{wrapped}");
}

/// The rows of the reference topology as a spreadsheet reads them, without the head.
fn rows(arguments: &[&str]) -> Vec<Vec<String>> {
    let base = ["ports", "reference.toml", "--format", "csv"];
    let answer = vestibule(&[&base, arguments].concat());
    assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""));
    let mut reader = csv::Reader::from_reader(answer.out.as_bytes());
    let head = reader.headers().unwrap();
    assert_eq!(head.len(), 7);
    assert!(head.iter().all(|name| !name.is_empty()));
    let row = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
    reader
        .records()
        .map(|record| row(record.unwrap()))
        .collect()
}
