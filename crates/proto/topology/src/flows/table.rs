//! The rows. Nothing but data: a row is added here and nowhere else, and both languages are written together.

use base::net::Role;

use super::{Carrier, End, Flow, Leg, Origin, Protocol, Security, Service, Text};
use crate::Port;

const fn tcp(protocol: Protocol, security: Security, port: Port) -> Service {
    Service {
        protocol,
        security,
        carrier: Carrier::Tcp,
        port,
    }
}

const fn udp(protocol: Protocol, security: Security, port: Port) -> Service {
    Service {
        protocol,
        security,
        carrier: Carrier::Udp,
        port,
    }
}

const SIP: Service = tcp(Protocol::Sip, Security::Mutual, Port::Sip);
const PLAIN_TCP: Service = tcp(Protocol::Sip, Security::Plain, Port::SipPlain);
const PLAIN_UDP: Service = udp(Protocol::Sip, Security::Plain, Port::SipPlain);
const WEB_HTTP: Service = tcp(Protocol::Http, Security::Plain, Port::WebHttp);
const WEB_HTTPS: Service = tcp(Protocol::Https, Security::Tls, Port::WebHttps);
const EXTERNAL_HTTP: Service = tcp(Protocol::Http, Security::Plain, Port::WebExternalHttp);
const EXTERNAL_HTTPS: Service = tcp(Protocol::Https, Security::Tls, Port::WebExternalHttps);
const INTER_SERVER: Service = tcp(Protocol::Https, Security::Mutual, Port::InterServer);
const DNS_UDP: Service = udp(Protocol::Dns, Security::Plain, Port::Dns);
const DNS_TCP: Service = tcp(Protocol::Dns, Security::Plain, Port::Dns);
const LOG_COMMAND: Service = tcp(Protocol::Logging, Security::Mutual, Port::LogCommand);
const LOG_SEARCH: Service = tcp(Protocol::Logging, Security::Mutual, Port::LogSearch);
const LOG_TAIL: Service = tcp(Protocol::Logging, Security::Mutual, Port::LogTail);

const DIRECTOR: End = End::Of(Role::Director);
const FRONT_END: End = End::Of(Role::FrontEnd);
const EDGE: End = End::Of(Role::Edge);
const REVERSE_PROXY: End = End::Of(Role::ReverseProxy);

/// Every flow of the product, by number.
pub const TABLE: &[Flow] = &[
    Flow {
        id: 1,
        legs: &[Leg {
            from: &[REVERSE_PROXY],
            to: &[DIRECTOR],
        }],
        services: &[EXTERNAL_HTTP],
        origin: Origin::Seed,
        purpose: Text {
            en: "external web site, plain",
            ko: "외부 웹 사이트(암호화되지 않음)",
        },
        note: Text {
            en: "Received first on the outside of the reverse proxy, then passed on to the Director HLB VIP and the Front End web services.",
            ko: "역방향 프록시의 외부 쪽에서 먼저 수신한 다음 디렉터 HLB VIP와 프런트 엔드 웹 서비스로 전달됩니다.",
        },
    },
    Flow {
        id: 2,
        legs: &[Leg {
            from: &[REVERSE_PROXY],
            to: &[DIRECTOR],
        }],
        services: &[EXTERNAL_HTTPS],
        origin: Origin::Seed,
        purpose: Text {
            en: "external web site",
            ko: "외부 웹 사이트",
        },
        note: Text {
            en: "The same path as over HTTP, encrypted again by the reverse proxy.",
            ko: "HTTP와 같은 경로이며 역방향 프록시가 다시 암호화합니다.",
        },
    },
    Flow {
        id: 3,
        legs: &[Leg {
            from: &[DIRECTOR],
            to: &[FRONT_END],
        }],
        services: &[INTER_SERVER],
        origin: Origin::Seed,
        purpose: Text {
            en: "server to server",
            ko: "서버 간 통신",
        },
        note: Text {
            en: "Traffic between the Directors and the Front End Servers: the directory of users and its changes.",
            ko: "디렉터와 프런트 엔드 서버 간 트래픽: 사용자 디렉터리와 그 변경 내용.",
        },
    },
    Flow {
        id: 4,
        legs: &[Leg {
            from: &[End::Clients],
            to: &[DIRECTOR],
        }],
        services: &[WEB_HTTP],
        origin: Origin::Seed,
        purpose: Text {
            en: "internal web site, plain",
            ko: "내부 웹 사이트(암호화되지 않음)",
        },
        note: Text {
            en: "The Director offers web services to clients inside and outside.",
            ko: "디렉터는 내부 및 외부 클라이언트에 웹 서비스를 제공합니다.",
        },
    },
    Flow {
        id: 5,
        legs: &[Leg {
            from: &[End::Clients],
            to: &[DIRECTOR],
        }],
        services: &[WEB_HTTPS],
        origin: Origin::Seed,
        purpose: Text {
            en: "internal web site",
            ko: "내부 웹 사이트",
        },
        note: Text {
            en: "The same web services as over HTTP, encrypted.",
            ko: "HTTP와 같은 웹 서비스이며 암호화됩니다.",
        },
    },
    Flow {
        id: 6,
        legs: &[Leg {
            from: &[EDGE],
            to: &[DIRECTOR],
        }],
        services: &[SIP],
        origin: Origin::Seed,
        purpose: Text {
            en: "SIP from outside",
            ko: "외부에서 들어오는 SIP",
        },
        note: Text {
            en: "SIP of remote users and federation partners, from the Edge to the Director and the Front End Servers.",
            ko: "에지에서 디렉터 및 프런트 엔드 서버로 가는 원격 사용자와 페더레이션 파트너의 SIP입니다.",
        },
    },
    Flow {
        id: 7,
        legs: &[Leg {
            from: &[End::Anyone],
            to: &[DIRECTOR],
        }],
        services: &[LOG_COMMAND],
        origin: Origin::Seed,
        purpose: Text {
            en: "logging: commands",
            ko: "로깅: 명령",
        },
        note: Text {
            en: "Centralized logging, controller to agent: start, stop, update, sync, show, status.",
            ko: "중앙 집중식 로깅(컨트롤러에서 에이전트로): 시작, 중지, 업데이트, 동기화, 표시, 상태.",
        },
    },
    Flow {
        id: 8,
        legs: &[Leg {
            from: &[End::Anyone],
            to: &[DIRECTOR],
        }],
        services: &[LOG_SEARCH],
        origin: Origin::Seed,
        purpose: Text {
            en: "logging: search",
            ko: "로깅: 검색",
        },
        note: Text {
            en: "Centralized logging: searches, with results streamed back.",
            ko: "중앙 집중식 로깅: 검색 및 결과 스트리밍.",
        },
    },
    Flow {
        id: 9,
        legs: &[Leg {
            from: &[End::Anyone],
            to: &[DIRECTOR],
        }],
        services: &[LOG_TAIL],
        origin: Origin::Seed,
        purpose: Text {
            en: "logging: live tail",
            ko: "로깅: 실시간 추적",
        },
        note: Text {
            en: "Centralized logging: live tail and collection of whole trace files.",
            ko: "중앙 집중식 로깅: 실시간 추적 및 전체 추적 파일 수집.",
        },
    },
    Flow {
        id: 10,
        legs: &[Leg {
            from: &[DIRECTOR, FRONT_END],
            to: &[EDGE],
        }],
        services: &[SIP],
        origin: Origin::Prose,
        purpose: Text {
            en: "SIP to outside",
            ko: "외부로 나가는 SIP",
        },
        note: Text {
            en: "The way out. It needs its own rule beside the way in.",
            ko: "나가는 경로입니다. 들어오는 경로와 별도의 규칙이 필요합니다.",
        },
    },
    Flow {
        id: 11,
        legs: &[Leg {
            from: &[REVERSE_PROXY],
            to: &[FRONT_END],
        }],
        services: &[EXTERNAL_HTTP, EXTERNAL_HTTPS],
        origin: Origin::Prose,
        purpose: Text {
            en: "external web sites of the Front Ends",
            ko: "프런트 엔드의 외부 웹 사이트",
        },
        note: Text {
            en: "The external web names of every pool are published beside those of the Director.",
            ko: "모든 풀의 외부 웹 이름은 디렉터의 이름과 함께 게시됩니다.",
        },
    },
    Flow {
        id: 12,
        legs: &[
            Leg {
                from: &[EDGE],
                to: &[FRONT_END],
            },
            Leg {
                from: &[FRONT_END],
                to: &[EDGE],
            },
        ],
        services: &[SIP],
        origin: Origin::Prose,
        purpose: Text {
            en: "SIP between Edge and Front End",
            ko: "에지와 프런트 엔드 간 SIP",
        },
        note: Text {
            en: "Both directions, without a Director in between.",
            ko: "디렉터를 거치지 않는 양방향 경로입니다.",
        },
    },
    Flow {
        id: 13,
        legs: &[
            Leg {
                from: &[DIRECTOR],
                to: &[FRONT_END],
            },
            Leg {
                from: &[FRONT_END],
                to: &[DIRECTOR, FRONT_END],
            },
        ],
        services: &[SIP],
        origin: Origin::Derived,
        purpose: Text {
            en: "SIP between servers",
            ko: "서버 간 SIP",
        },
        note: Text {
            en: "Registrations passed on, and requests to the member that holds the user's connection.",
            ko: "전달되는 등록과, 사용자의 연결을 보유한 구성원에게 가는 요청입니다.",
        },
    },
    Flow {
        id: 14,
        legs: &[Leg {
            from: &[End::Clients],
            to: &[DIRECTOR, FRONT_END],
        }],
        services: &[tcp(Protocol::Sip, Security::Tls, Port::Sip)],
        origin: Origin::Derived,
        purpose: Text {
            en: "sign-in inside",
            ko: "내부 로그인",
        },
        note: Text {
            en: "Clients sign in at the Director, or at a Front End where there is none, and are sent to their home pool.",
            ko: "클라이언트는 디렉터(없으면 프런트 엔드)에 로그인하고 홈 풀로 안내됩니다.",
        },
    },
    Flow {
        id: 15,
        legs: &[Leg {
            from: &[End::Outside],
            to: &[EDGE],
        }],
        services: &[
            tcp(Protocol::Sip, Security::Tls, Port::EdgeAccess),
            tcp(Protocol::Sip, Security::Mutual, Port::EdgeFederation),
        ],
        origin: Origin::Derived,
        purpose: Text {
            en: "remote users and federation",
            ko: "원격 사용자 및 페더레이션",
        },
        note: Text {
            en: "Remote users come by TLS, federation partners by mutual TLS.",
            ko: "원격 사용자는 TLS로, 페더레이션 파트너는 상호 TLS로 연결합니다.",
        },
    },
    Flow {
        id: 16,
        legs: &[Leg {
            from: &[End::Outside],
            to: &[REVERSE_PROXY],
        }],
        services: &[
            tcp(Protocol::Http, Security::Plain, Port::PublishedHttp),
            tcp(Protocol::Https, Security::Tls, Port::PublishedHttps),
        ],
        origin: Origin::Derived,
        purpose: Text {
            en: "published web",
            ko: "게시된 웹",
        },
        note: Text {
            en: "The public side of the reverse proxy; plain HTTP serves discovery and sends everything else to HTTPS.",
            ko: "역방향 프록시의 공용 쪽입니다. HTTP는 검색에만 쓰이고 나머지는 HTTPS로 보냅니다.",
        },
    },
    Flow {
        id: 17,
        legs: &[Leg {
            from: &[End::EveryMachine],
            to: &[End::Of(Role::Dns)],
        }],
        services: &[DNS_UDP, DNS_TCP],
        origin: Origin::Derived,
        purpose: Text {
            en: "names",
            ko: "이름 확인",
        },
        note: Text {
            en: "Pool names are answered with the members that are up.",
            ko: "풀 이름에는 작동 중인 구성원으로 응답합니다.",
        },
    },
    Flow {
        id: 18,
        legs: &[Leg {
            from: &[End::EveryMachine],
            to: &[End::EveryMachine],
        }],
        services: &[LOG_COMMAND, LOG_SEARCH, LOG_TAIL],
        origin: Origin::Derived,
        purpose: Text {
            en: "logging",
            ko: "로깅",
        },
        note: Text {
            en: "Every machine has a logging agent, not only the Director.",
            ko: "디렉터뿐 아니라 모든 컴퓨터에 로깅 에이전트가 있습니다.",
        },
    },
    Flow {
        id: 19,
        legs: &[Leg {
            from: &[FRONT_END],
            to: &[End::Store],
        }],
        services: &[tcp(Protocol::Store, Security::Mutual, Port::Store)],
        origin: Origin::Derived,
        purpose: Text {
            en: "shared state of a pool",
            ko: "풀의 공유 상태",
        },
        note: Text {
            en: "Only where a Front End pool has several members.",
            ko: "프런트 엔드 풀에 구성원이 여럿인 경우에만 필요합니다.",
        },
    },
    Flow {
        id: 20,
        legs: &[Leg {
            from: &[End::OtherFrontEnds],
            to: &[End::DirectoryMaster],
        }],
        services: &[INTER_SERVER],
        origin: Origin::Derived,
        purpose: Text {
            en: "directory between pools",
            ko: "풀 간 디렉터리",
        },
        note: Text {
            en: "Every pool follows the directory of users at the pool that masters it.",
            ko: "모든 풀은 디렉터리를 관리하는 풀에서 사용자 디렉터리를 복제합니다.",
        },
    },
    Flow {
        id: 21,
        legs: &[Leg {
            from: &[End::Of(Role::LoadBalancer)],
            to: &[End::Behind(Role::Director), End::Behind(Role::FrontEnd)],
        }],
        services: &[
            WEB_HTTP,
            WEB_HTTPS,
            EXTERNAL_HTTP,
            EXTERNAL_HTTPS,
            SIP,
            INTER_SERVER,
        ],
        origin: Origin::Derived,
        purpose: Text {
            en: "from the VIP to the members",
            ko: "VIP에서 구성원으로",
        },
        note: Text {
            en: "The balancer passes on what it takes at the VIP, on the same port; with hlb alone also SIP and 444.",
            ko: "부하 분산 장치는 VIP에서 받은 트래픽을 같은 포트로 전달합니다. hlb만 사용하면 SIP와 444도 포함됩니다.",
        },
    },
    Flow {
        id: 22,
        legs: &[Leg {
            from: &[End::Of(Role::LoadBalancer)],
            to: &[End::Probed(Role::Director), End::Probed(Role::FrontEnd)],
        }],
        services: &[SIP],
        origin: Origin::Derived,
        purpose: Text {
            en: "health of the members",
            ko: "구성원 상태 확인",
        },
        note: Text {
            en: "A member whose SIP port does not answer gets no web traffic either.",
            ko: "SIP 포트가 응답하지 않는 구성원에는 웹 트래픽도 보내지 않습니다.",
        },
    },
    Flow {
        id: 23,
        legs: &[Leg {
            from: &[End::Clients],
            to: &[FRONT_END],
        }],
        services: &[WEB_HTTP, WEB_HTTPS],
        origin: Origin::Derived,
        purpose: Text {
            en: "internal web sites of the Front Ends",
            ko: "프런트 엔드의 내부 웹 사이트",
        },
        note: Text {
            en: "Where the Director sends a user's web requests; the first stop where there is no Director.",
            ko: "디렉터가 사용자의 웹 요청을 보내는 곳이며, 디렉터가 없으면 첫 번째 접속 지점입니다.",
        },
    },
    Flow {
        id: 24,
        legs: &[Leg {
            from: &[End::Itself],
            to: &[End::Itself],
        }],
        services: &[tcp(Protocol::Http, Security::Plain, Port::Metrics)],
        origin: Origin::Derived,
        purpose: Text {
            en: "metrics and health",
            ko: "메트릭 및 상태",
        },
        note: Text {
            en: "Loopback only; no firewall opens it.",
            ko: "루프백 전용이며 방화벽에서 열지 않습니다.",
        },
    },
    Flow {
        id: 25,
        legs: &[Leg {
            from: &[End::Clients],
            to: &[DIRECTOR, FRONT_END],
        }],
        services: &[PLAIN_TCP, PLAIN_UDP],
        origin: Origin::Derived,
        purpose: Text {
            en: "plain SIP inside",
            ko: "내부 일반 SIP",
        },
        note: Text {
            en: "For old phones; off unless the topology asks for it.",
            ko: "오래된 전화기용이며 토폴로지에서 요청할 때만 켜집니다.",
        },
    },
    Flow {
        id: 26,
        legs: &[Leg {
            from: &[End::Gateways],
            to: &[End::GatewayPools],
        }],
        services: &[PLAIN_TCP, PLAIN_UDP],
        origin: Origin::Derived,
        purpose: Text {
            en: "calls from gateways",
            ko: "게이트웨이에서 오는 통화",
        },
        note: Text {
            en: "A gateway is known by its address alone; let nobody else use it.",
            ko: "게이트웨이는 주소로만 식별되므로 다른 장치가 그 주소를 사용하지 못하게 하십시오.",
        },
    },
    Flow {
        id: 27,
        legs: &[Leg {
            from: &[End::GatewayPools],
            to: &[End::Gateways],
        }],
        services: &[PLAIN_TCP, PLAIN_UDP],
        origin: Origin::Derived,
        purpose: Text {
            en: "calls to gateways",
            ko: "게이트웨이로 가는 통화",
        },
        note: Text {
            en: "A gateway that listens on another port has it beside its address.",
            ko: "다른 포트에서 수신하는 게이트웨이는 주소 옆에 포트를 표시합니다.",
        },
    },
    Flow {
        id: 28,
        legs: &[Leg {
            from: &[EDGE],
            to: &[End::Outside],
        }],
        services: &[tcp(Protocol::Sip, Security::Mutual, Port::EdgeFederation)],
        origin: Origin::Derived,
        purpose: Text {
            en: "to federation partners",
            ko: "페더레이션 파트너로",
        },
        note: Text {
            en: "Calls and messages to partners, by mutual TLS; a partner whose records name another port needs a rule of its own.",
            ko: "파트너로 가는 통화와 메시지이며 상호 TLS를 사용합니다. 파트너의 레코드가 다른 포트를 지정하면 별도의 규칙이 필요합니다.",
        },
    },
    Flow {
        id: 29,
        legs: &[Leg {
            from: &[EDGE],
            to: &[End::Resolvers],
        }],
        services: &[DNS_UDP, DNS_TCP],
        origin: Origin::Derived,
        purpose: Text {
            en: "names of federation partners",
            ko: "페더레이션 파트너의 이름 확인",
        },
        note: Text {
            en: "Edges look up where the servers of a partner are.",
            ko: "에지가 파트너 서버의 위치를 조회합니다.",
        },
    },
    Flow {
        id: 30,
        legs: &[Leg {
            from: &[End::Of(Role::Dns)],
            to: &[
                End::Members(Role::Director),
                End::Members(Role::FrontEnd),
                End::Members(Role::Edge),
            ],
        }],
        services: &[SIP],
        origin: Origin::Derived,
        purpose: Text {
            en: "health of what names lead to",
            ko: "이름이 가리키는 서버의 상태 확인",
        },
        note: Text {
            en: "The name service asks every server that speaks SIP how it is, and leaves out of its answers what is down or draining.",
            ko: "이름 서비스는 SIP를 사용하는 모든 서버의 상태를 확인하고, 중지되었거나 드레이닝 중인 서버를 응답에서 제외합니다.",
        },
    },
    Flow {
        id: 31,
        legs: &[Leg {
            from: &[End::Clients],
            to: &[End::Of(Role::Dns)],
        }],
        services: &[DNS_UDP, DNS_TCP],
        origin: Origin::Derived,
        purpose: Text {
            en: "names for clients",
            ko: "클라이언트의 이름 확인",
        },
        note: Text {
            en: "Phones and browsers inside find their servers by name.",
            ko: "내부의 전화와 브라우저는 이름으로 서버를 찾습니다.",
        },
    },
    Flow {
        id: 32,
        legs: &[Leg {
            from: &[End::Outside],
            to: &[End::Of(Role::Dns)],
        }],
        services: &[DNS_UDP, DNS_TCP],
        origin: Origin::Derived,
        purpose: Text {
            en: "public names",
            ko: "공용 이름",
        },
        note: Text {
            en: "Only a name service that has an address outside; it answers there with what the outside may know.",
            ko: "외부 주소가 있는 이름 서비스에만 해당합니다. 외부에 알려도 되는 이름만 응답합니다.",
        },
    },
    Flow {
        id: 33,
        legs: &[Leg {
            from: &[End::EveryMachine],
            to: &[End::TimeServers],
        }],
        services: &[udp(Protocol::Ntp, Security::Plain, Port::Ntp)],
        origin: Origin::Derived,
        purpose: Text {
            en: "time",
            ko: "시간 동기화",
        },
        note: Text {
            en: "Tickets and certificates are judged by the clock of the machine. Only where time servers are named.",
            ko: "티켓과 인증서는 컴퓨터의 시각으로 판정됩니다. 시간 서버를 지정한 경우에만 해당합니다.",
        },
    },
    Flow {
        id: 34,
        legs: &[Leg {
            from: &[EDGE],
            to: &[End::RevocationServers],
        }],
        services: &[tcp(Protocol::Http, Security::Plain, Port::Revocation)],
        origin: Origin::Derived,
        purpose: Text {
            en: "lists of revoked certificates",
            ko: "인증서 해지 목록",
        },
        note: Text {
            en: "For what fetches the lists of public authorities to an Edge; the lists are signed, so HTTP is enough.",
            ko: "공인 인증 기관의 해지 목록을 에지로 가져오는 데 필요합니다. 목록에 서명이 있으므로 HTTP로 충분합니다.",
        },
    },
    Flow {
        id: 35,
        legs: &[Leg {
            from: &[End::Administrators],
            to: &[End::EveryMachine],
        }],
        services: &[tcp(Protocol::Ssh, Security::Own, Port::Ssh)],
        origin: Origin::Derived,
        purpose: Text {
            en: "administration",
            ko: "관리",
        },
        note: Text {
            en: "To the inside address of every machine, from the networks of administrators and from nowhere else.",
            ko: "관리자 네트워크에서 모든 컴퓨터의 내부 주소로만 허용됩니다.",
        },
    },
];
