//! What a site asks of its machine: is this the user's password, and how is the machine.

use std::sync::Arc;

use base::Source;
use directory::{Algorithm, Aor, User};
use logs::{Component, Flags, Level};
use runtime::clock::Clock;
use sip::auth::ha1;
use sip::guard::{Guard, Offence, Verdict as Standing};
use subtle::ConstantTimeEq as _;
use traces::Recorder;
use web::site::{Backing, Enrolled, Facts, Verdict};

use crate::requests::Asked;

/// Says how the machine is.
pub type Witness = Arc<dyn Fn() -> Facts + Send + Sync>;

/// The verifier of nobody: as long as the longest, and the hash of nothing.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Checks passwords against the directory and counts failures where those of SIP are counted.
#[derive(Clone)]
pub(super) struct Machine {
    pub(super) guard: Arc<Guard>,
    pub(super) witness: Witness,
    pub(super) clock: Clock,
}

impl Machine {
    /// Tells whether a source may ask at all now; counts the request.
    pub(super) fn admits(&self, from: Source) -> bool {
        let standing = self.guard.ask(self.clock.now().mono, from, false);
        matches!(standing, Standing::Pass | Standing::Watch)
    }

    /// Counts a request that can be read in two ways.
    pub(super) fn malformed(&self, from: Source) {
        let now = self.clock.now().mono;
        self.guard.offend(now, from, Offence::Malformed);
    }
}

impl Backing for Machine {
    fn prove(&self, from: Source, aor: &Aor, user: Option<&User>, password: &str) -> Verdict {
        let now = self.clock.now().mono;
        if self.guard.is_slowed(now, from, aor.as_str()) {
            return Verdict::Slowed;
        }
        if fits(aor, user.filter(|user| user.enabled), password) {
            self.guard.proved(now, from, aor.as_str());
            return Verdict::Proven;
        }
        self.guard.offend(now, from, Offence::Credentials);
        let offence = Offence::Credentials;
        self.guard.failed(now, from, aor.as_str(), offence);
        Verdict::Wrong
    }

    fn forged(&self, from: Source) {
        let now = self.clock.now().mono;
        self.guard.offend(now, from, Offence::Forbidden);
    }

    fn facts(&self) -> Facts {
        (self.witness)()
    }
}

/// Checks what one request proves, and has it recorded.
pub(super) struct Proving<'a> {
    pub(super) machine: &'a Machine,
    pub(super) recorder: &'a Recorder,
    pub(super) asked: &'a Asked,
}

impl Proving<'_> {
    fn tell(&self, level: Level, user: Option<&Aor>, decision: &str, reason: &str) {
        let kinds = Flags::SECURITY.with(Flags::HTTP);
        self.recorder
            .record(Component::Authentication, level, kinds, |record| {
                record.correlation = Some(self.asked.correlation());
                record.peer = self.asked.client();
                record.from = user.map(|user| user.as_str().into());
                record.decision = Some(decision.into());
                record.reason = Some(reason.into());
            });
    }

    /// Takes note of what came of asking for a certificate.
    pub(super) fn enrolled(&self, user: &Aor, outcome: &Enrolled) {
        let (level, decision, reason) = match outcome {
            Enrolled::Issued(_) => (Level::Info, "enrolled", "a certificate for a ticket"),
            Enrolled::Refused(why) => (Level::Warning, "refused", why.as_str()),
            Enrolled::Away => (
                Level::Warning,
                "unanswered",
                "the master of the directory is away",
            ),
        };
        self.tell(level, Some(user), decision, reason);
    }
}

impl Backing for Proving<'_> {
    fn prove(&self, from: Source, aor: &Aor, user: Option<&User>, password: &str) -> Verdict {
        let verdict = self.machine.prove(from, aor, user, password);
        let (level, decision, reason) = match verdict {
            Verdict::Proven => (Level::Info, "proven", "the password is the user's"),
            Verdict::Wrong => (Level::Warning, "wrong", why_wrong(user)),
            Verdict::Slowed => (
                Level::Warning,
                "slowed",
                "too many failures: the password was not looked at",
            ),
        };
        self.tell(level, Some(aor), decision, reason);
        verdict
    }

    fn forged(&self, from: Source) {
        self.machine.forged(from);
        self.tell(Level::Warning, None, "forged", "the web ticket is not ours");
    }

    fn facts(&self) -> Facts {
        self.machine.facts()
    }
}

/// What the answer does not tell, and whoever may read traces wants to know.
fn why_wrong(user: Option<&User>) -> &'static str {
    match user {
        None => "there is no such user",
        Some(user) if !user.enabled => "the user is off",
        Some(_) => "the password is not the user's",
    }
}

/// Compares with the best verifier that the user has. The hash is computed in any case, so that a user who does not exist
/// takes as long.
fn fits(aor: &Aor, user: Option<&User>, password: &str) -> bool {
    let best = [Algorithm::Sha256, Algorithm::Sha512_256, Algorithm::Md5];
    let verifier = user.and_then(|user| best.into_iter().find_map(|one| user.verifier(one)));
    let algorithm = verifier.map_or(Algorithm::Sha256, |verifier| verifier.algorithm());
    let expected = verifier.map_or(NOBODY, |verifier| verifier.ha1());
    let found = ha1(algorithm, aor.user(), aor.domain(), password);
    let same: bool = found.as_bytes().ct_eq(expected.as_bytes()).into();
    same && verifier.is_some()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use base::UnixMillis;
    use directory::{PoolName, Verifier};
    use sip::guard::Allowance;
    use sip::token::Key;

    use super::*;

    fn machine() -> Machine {
        let allowance = Allowance {
            failures_of_user: 2.5,
            ..Allowance::default()
        };
        Machine {
            guard: Arc::new(Guard::new(allowance, Key::derive(&[0; 32], "guard"))),
            witness: Arc::new(Facts::default),
            clock: Clock::start(),
        }
    }

    fn alice(algorithms: &[Algorithm]) -> User {
        let verifier = |algorithm: &Algorithm| {
            let hash = ha1(*algorithm, "alice", "contoso.com", "secret");
            Verifier::new(*algorithm, &hash).unwrap()
        };
        User {
            aor: Aor::parse("alice@contoso.com").unwrap(),
            display_name: String::new(),
            home: PoolName::parse("fepool01.contoso.net").unwrap(),
            enabled: true,
            verifiers: algorithms.iter().map(verifier).collect(),
            blocked: Vec::new(),
            certificates: Vec::new(),
            contacts: Vec::new(),
            created: UnixMillis(0),
            changed: UnixMillis(0),
        }
    }

    fn source() -> Source {
        Source::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)))
    }

    #[test]
    fn a_password_is_checked_against_whatever_verifier_there_is() {
        for algorithms in [
            &[Algorithm::Md5][..],
            &[Algorithm::Sha512_256],
            &[Algorithm::Md5, Algorithm::Sha256],
        ] {
            let user = alice(algorithms);
            assert!(fits(&user.aor, Some(&user), "secret"), "{algorithms:?}");
            assert!(!fits(&user.aor, Some(&user), "Secret"), "{algorithms:?}");
        }
        let bare = alice(&[]);
        assert!(!fits(&bare.aor, Some(&bare), "secret"));
        assert!(!fits(&bare.aor, None, "secret"));
    }

    #[test]
    fn who_fails_too_often_is_slowed_even_with_the_right_password_and_others_are_not() {
        let (machine, user) = (machine(), alice(&[Algorithm::Sha256]));
        let prove = |password| machine.prove(source(), &user.aor, Some(&user), password);
        assert_eq!(prove("secret"), Verdict::Proven);
        for _ in 0..3 {
            assert_eq!(prove("guess"), Verdict::Wrong);
        }
        assert_eq!(prove("secret"), Verdict::Slowed);
        let elsewhere = Source::of(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));
        let there = machine.prove(elsewhere, &user.aor, Some(&user), "secret");
        assert_eq!(there, Verdict::Proven);
        let now = machine.clock.now().mono;
        assert!(
            machine
                .guard
                .is_slowed(now, source(), "sip:alice@contoso.com"),
            "and over SIP"
        );
    }

    #[test]
    fn who_is_off_fails_like_nobody() {
        let machine = machine();
        let off = User {
            enabled: false,
            ..alice(&[Algorithm::Sha256])
        };
        let prove = |user| machine.prove(source(), &off.aor, user, "secret");
        assert_eq!(prove(Some(&off)), Verdict::Wrong);
        assert_eq!(prove(None), Verdict::Wrong);
    }
}
