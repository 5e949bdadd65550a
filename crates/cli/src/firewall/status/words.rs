//! The words of `status`, in both languages.

use firewall::loaded::Count;
use firewall::plan::{Basic, Direction};

use super::Row;
use crate::output::{Lang, Table};

/// Returns the table of what was counted.
pub(super) fn table(rows: &[Row], lang: Lang) -> Table {
    let head = match lang {
        Lang::En => ["Way", "Flow", "For", "Packets", "Bytes", "State"],
        Lang::Ko => ["방향", "흐름", "용도", "패킷", "바이트", "상태"],
    };
    let mut table = Table::new(head).right(1).right(3).right(4);
    let mut last = "";
    for row in rows {
        let way = if row.way == last {
            ""
        } else {
            way_word(row.way, lang)
        };
        last = row.way;
        let counts = row.loaded > 0;
        let number = |count: u64| {
            if counts {
                count.to_string()
            } else {
                String::new()
            }
        };
        table.row([
            way.to_owned(),
            row.flow.map(|flow| flow.to_string()).unwrap_or_default(),
            row.purpose.to_owned(),
            number(row.packets),
            number(row.bytes),
            state(row, lang),
        ]);
    }
    table
}

fn way_word(way: &'static str, lang: Lang) -> &'static str {
    match (lang, way) {
        (Lang::Ko, "in") => "수신",
        (Lang::Ko, "out") => "송신",
        (Lang::Ko, "through") => "통과",
        _ => way,
    }
}

fn state(row: &Row, lang: Lang) -> String {
    let is_used = row.packets > 0;
    let word = match (row.counted_by, row.loaded) {
        (Some(flow), _) => {
            return match lang {
                Lang::En => format!("counted by flow {flow}"),
                Lang::Ko => format!("흐름 {flow}에서 집계"),
            };
        }
        (None, 0) => ["not loaded", "로드되지 않음"],
        (None, loaded) if loaded < row.rules => ["partly loaded", "일부만 로드됨"],
        _ if is_used => ["used", "사용됨"],
        _ => ["never used", "사용된 적 없음"],
    };
    match lang {
        Lang::En => word[0].to_owned(),
        Lang::Ko => word[1].to_owned(),
    }
}

/// Says how much nothing let pass.
pub(super) fn stopped(dropped: Count, rejected: Count, lang: Lang) -> String {
    let (dropped, rejected) = (dropped.packets, rejected.packets);
    match lang {
        Lang::En => format!("{dropped} packets dropped, {rejected} rejected"),
        Lang::Ko => format!("패킷 {dropped}개 삭제됨, {rejected}개 거부됨"),
    }
}

/// Says what the rule before a row for strangers counts.
pub(super) const fn beyond_rate(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "beyond the rate: dropped",
        Lang::Ko => "속도 제한 초과: 삭제",
    }
}

/// Says what a basic is.
pub(super) const fn basic(basic: Basic, direction: Direction, lang: Lang) -> &'static str {
    let [en, ko] = match (basic, direction) {
        (Basic::Loopback, _) => ["to itself", "루프백"],
        (Basic::Established, _) => ["connections that have begun", "설정된 연결"],
        (Basic::Invalid, _) => [
            "belongs to no connection: dropped",
            "연결에 속하지 않음: 삭제",
        ],
        (Basic::Errors, _) => ["ICMP errors", "ICMP 오류"],
        (Basic::Echo, _) => ["ICMP echo", "ICMP 에코"],
        (Basic::Neighbours, _) => ["IPv6 neighbours", "IPv6 인접 탐색"],
        (Basic::Rest, Direction::Out) => ["everything else: rejected", "그 밖의 모든 것: 거부"],
        (Basic::Rest, _) => ["everything else: dropped", "그 밖의 모든 것: 삭제"],
    };
    match lang {
        Lang::En => en,
        Lang::Ko => ko,
    }
}
