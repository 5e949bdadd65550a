//! What was found, in words of both languages.

use std::net::IpAddr;

use topology::flows::{Lang, Text};

use super::found::{Found, Verdict};
use super::report::{Report, Row, Run};

/// How many names of a certificate are told.
const NAMES: usize = 3;

/// Speaks one language.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    lang: Lang,
}

impl Words {
    /// Chooses the language.
    #[must_use]
    pub const fn new(lang: Lang) -> Self {
        Self { lang }
    }

    const fn say(self, en: &'static str, ko: &'static str) -> &'static str {
        Text { en, ko }.get(self.lang)
    }

    /// Returns the head of the table of rows.
    #[must_use]
    pub const fn head(self) -> [&'static str; 5] {
        [
            "#",
            self.say("Protocol / transport / port", "프로토콜/전송/포트"),
            self.say("Source", "원본"),
            self.say("Destination", "대상"),
            self.say("Verdict", "판정"),
        ]
    }

    /// Returns the head of the first column of the matrix.
    #[must_use]
    pub const fn from_to(self) -> &'static str {
        self.say("From \\ to", "원본 \\ 대상")
    }

    /// Returns the title of a page.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.say("Flows, tried", "플로 확인 결과")
    }

    /// Returns what the marks of the matrix mean.
    #[must_use]
    pub const fn legend(self) -> &'static str {
        self.say(
            "✓ wanted and answered, ✗ wrong, · nothing wanted and nothing passed",
            "✓ 필요하며 응답함, ✗ 잘못됨, · 필요한 것이 없고 통과한 것도 없음",
        )
    }

    /// Returns the word for a verdict; for none where nothing was tried from here.
    #[must_use]
    pub const fn verdict(self, verdict: Option<Verdict>) -> &'static str {
        match verdict {
            Some(Verdict::Pass) => self.say("✓ works", "✓ 작동"),
            Some(Verdict::Untried) => self.say("✗ could not be tried", "✗ 시도할 수 없음"),
            Some(Verdict::Fail) => self.say("✗ fails", "✗ 실패"),
            None => self.say("– not tried from here", "– 여기서는 시도하지 않음"),
        }
    }

    /// Returns the head of the reasons.
    #[must_use]
    pub const fn because(self) -> &'static str {
        self.say("Why rows fail", "실패한 행의 이유")
    }

    /// Sums a report up in one line.
    #[must_use]
    pub fn whole(self, report: &Report) -> String {
        if report.tries.is_empty() {
            return self
                .say(
                    "✗ nothing is to be tried from here",
                    "✗ 여기서 시도할 것이 없음",
                )
                .to_owned();
        }
        match report.verdict {
            Verdict::Pass => self
                .say("✓ all is as it should be", "✓ 모두 정상")
                .to_owned(),
            Verdict::Untried | Verdict::Fail => {
                let wrong = report.tries.iter().filter(|one| one.is_wrong()).count();
                let all = report.tries.len();
                match self.lang {
                    Lang::En => format!("✗ {wrong} of {all} tries are wrong"),
                    Lang::Ko => format!("✗ 시도 {all}회 중 {wrong}회 잘못됨"),
                }
            }
        }
    }

    /// Returns the head of what came through although nobody wants it.
    #[must_use]
    pub const fn beyond(self) -> &'static str {
        self.say(
            "Passed, and no flow wants it",
            "어떤 플로에도 없는데 통과한 것",
        )
    }

    /// Tells from where it was tried, and how often.
    #[must_use]
    pub fn run(self, run: &Run) -> String {
        let Run {
            from,
            wanted,
            unwanted,
            left_out,
        } = run;
        let mut text = match self.lang {
            Lang::En => format!("{from}: {wanted} wanted tries, {unwanted} unwanted"),
            Lang::Ko => format!("{from}: 필요한 시도 {wanted}회, 불필요한 시도 {unwanted}회"),
        };
        if *left_out > 0 {
            let said = self.say("not drawn", "뽑히지 않음");
            text.push_str(&format!(" ({left_out} {said})"));
        }
        text
    }

    /// Returns the verdict of a row with its numbers.
    #[must_use]
    pub fn counted(self, row: &Row) -> String {
        let word = self.verdict(row.verdict);
        if row.tried == 0 {
            return word.to_owned();
        }
        let counts = [(row.passed, "✓"), (row.failed, "✗")];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts
            .map(|(count, mark)| format!("{mark}{count}"))
            .collect();
        format!("{word} ({})", counts.join(" "))
    }

    /// Tells why what was found is not right.
    pub(super) fn why(self, found: &Found, verdict: Verdict, stopped: Option<&str>) -> String {
        let text = self.found(found);
        match (verdict, stopped) {
            (Verdict::Fail, Some(place)) => {
                let passed = self.say(
                    "it came through, and the plan stops it at",
                    "통과함, 계획상 차단 지점",
                );
                format!("{text}; {passed} {place}")
            }
            (Verdict::Pass | Verdict::Untried | Verdict::Fail, _) => text,
        }
    }

    /// Tells what was found.
    #[must_use]
    pub fn found(self, found: &Found) -> String {
        let with = |en, ko, said: &str| format!("{}: {said}", self.say(en, ko));
        match found {
            Found::Answered => self.say("answered", "응답함").to_owned(),
            Found::Connected => self
                .say("the connection is taken", "연결이 수락됨")
                .to_owned(),
            Found::Dropped => self
                .say("dropped, nothing comes back", "삭제됨, 응답 없음")
                .to_owned(),
            Found::Refused => self
                .say("refused, nobody listens", "거부됨, 수신기 없음")
                .to_owned(),
            Found::NoRoute { by } => self.by("no route", "경로 없음", *by),
            Found::Prohibited { by } => self.by("prohibited", "금지됨", *by),
            Found::NotTls => self
                .say(
                    "wrong role, what answers does not speak TLS",
                    "잘못된 역할, 응답하는 쪽이 TLS를 사용하지 않음",
                )
                .to_owned(),
            Found::Alert { alert } => with("TLS alert", "TLS 경고", alert),
            Found::WrongName { presented } => {
                let names: Vec<&str> = presented.iter().map(String::as_str).take(NAMES).collect();
                with(
                    "wrong name, it proves",
                    "잘못된 이름, 증명된 이름",
                    &names.join(", "),
                )
            }
            Found::Untrusted { reason } => with(
                "its certificate is not to be believed",
                "신뢰할 수 없는 인증서",
                reason,
            ),
            Found::Closed => self
                .say(
                    "it ends the connection without a word",
                    "아무 응답 없이 연결을 끊음",
                )
                .to_owned(),
            Found::Mute => self
                .say(
                    "it takes the connection and is silent",
                    "연결을 수락하고 응답하지 않음",
                )
                .to_owned(),
            Found::NoCertificateAsked => self
                .say("it asks for no certificate", "인증서를 요구하지 않음")
                .to_owned(),
            Found::StrangerLetIn => self
                .say(
                    "it lets in whoever has no certificate",
                    "인증서 없는 상대를 허용함",
                )
                .to_owned(),
            Found::WrongRole { said } => with(
                "wrong role, something else answers",
                "잘못된 역할, 다른 것이 응답함",
                said,
            ),
            Found::NotLetIn { said } => with("it does not let us in", "접근을 허용하지 않음", said),
            Found::Unhealthy { said } => {
                with("answered but not well", "응답하지만 정상이 아님", said)
            }
            Found::Untried { reason } => with("could not be tried", "시도할 수 없음", reason),
        }
    }

    fn by(self, en: &'static str, ko: &'static str, by: Option<IpAddr>) -> String {
        let text = self.say(en, ko);
        by.map_or_else(
            || text.to_owned(),
            |by| format!("{text} ({} {by})", self.say("says", "보고한 주소")),
        )
    }
}
