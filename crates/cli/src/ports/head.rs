//! The words above the columns, in both languages.

use crate::output::Lang;

/// The words of the head, in the order of the columns; hosts have columns of their own in spreadsheets only.
pub(super) struct Head {
    /// The language, as documents name it.
    pub(super) lang: &'static str,
    pub(super) title: &'static str,
    pub(super) intro: &'static str,
    pub(super) id: &'static str,
    pub(super) service: &'static str,
    pub(super) source: &'static str,
    pub(super) source_hosts: &'static str,
    pub(super) destination: &'static str,
    pub(super) destination_hosts: &'static str,
    pub(super) note: &'static str,
}

const EN: Head = Head {
    lang: "en",
    title: "Port summary",
    intro: "Who may open connections to whom, on which port, for what. A firewall lets these pass and nothing else; answers come back on the connections that were opened.",
    id: "Flow",
    service: "Protocol/TCP or UDP/Port",
    source: "Source",
    source_hosts: "Source hosts",
    destination: "Destination",
    destination_hosts: "Destination hosts",
    note: "Note",
};
const KO: Head = Head {
    lang: "ko",
    title: "포트 요약",
    intro: "누가 누구에게, 어떤 포트로, 무엇을 위해 연결할 수 있는지 보여 줍니다. 방화벽은 이 흐름만 허용하고 나머지는 모두 차단합니다. 응답은 열린 연결을 통해 돌아옵니다.",
    id: "흐름",
    service: "프로토콜/TCP 또는 UDP/포트",
    source: "원본",
    source_hosts: "원본 호스트",
    destination: "대상",
    destination_hosts: "대상 호스트",
    note: "참고",
};

impl Head {
    /// Returns the words of a language.
    pub(super) const fn of(lang: Lang) -> &'static Self {
        match lang {
            Lang::En => &EN,
            Lang::Ko => &KO,
        }
    }
}
