//! Operations on a directory in a temporary folder.

use super::*;

#[test]
fn an_account_is_made_once_and_survives() {
    let folder = tempfile::tempdir().unwrap();
    let admin = admin(folder.path());
    assert_eq!(
        admin.handle(UnixMillis(5), UserRequest::Add(alice())),
        UserReply::Done
    );
    let again = admin.handle(UnixMillis(6), UserRequest::Add(alice()));
    assert_eq!(
        again,
        UserReply::Refused(Refusal::Exists { aor: alice().aor })
    );
    drop(admin);
    let (own, recovery) = DirectoryLog::open(folder.path()).unwrap();
    assert_eq!(recovery.replayed, 1);
    let user = own.directory().find("sip:alice@contoso.com").unwrap();
    assert_eq!((user.created, user.enabled), (UnixMillis(5), true));
    assert_eq!(
        user.verifier(Algorithm::Md5).unwrap().ha1(),
        "ab".repeat(16)
    );
}

#[test]
fn what_the_topology_does_not_know_is_refused_with_what_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let admin = admin(folder.path());
    let mut user = alice();
    user.aor = Aor::parse("alice@fabrikam.com").unwrap();
    let UserReply::Refused(refusal) = admin.handle(UnixMillis(1), UserRequest::Add(user)) else {
        panic!("a foreign domain was taken");
    };
    assert_eq!(
        refusal.to_string(),
        "fabrikam.com is not a SIP domain of this deployment; there is contoso.com"
    );
    let mut user = alice();
    user.home = PoolName::parse("other.contoso.net").unwrap();
    let UserReply::Refused(refusal) = admin.handle(UnixMillis(1), UserRequest::Add(user)) else {
        panic!("an unknown pool was taken");
    };
    let there_is = "there is fepool01.contoso.net, fepool02.contoso.net";
    assert_eq!(
        refusal.to_string(),
        format!("other.contoso.net is not a Front End pool of this deployment; {there_is}")
    );
}

#[test]
fn malformed_accounts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let admin = admin(folder.path());
    let ask = |change: fn(&mut NewUser)| {
        let mut user = alice();
        change(&mut user);
        admin.handle(UnixMillis(1), UserRequest::Add(user))
    };
    assert_eq!(
        ask(|user| user.verifiers.clear()),
        UserReply::Refused(Refusal::Verifiers)
    );
    assert_eq!(
        ask(|user| user.verifiers.push(user.verifiers[0].clone())),
        UserReply::Refused(Refusal::Verifiers)
    );
    let algorithm = Algorithm::Md5;
    assert_eq!(
        ask(|user| user.verifiers[0].ha1.push('0')),
        UserReply::Refused(Refusal::Verifier { algorithm })
    );
    assert_eq!(
        ask(|user| user.display_name = "a\nb".into()),
        UserReply::Refused(Refusal::DisplayName)
    );
    assert_eq!(
        ask(|user| user.display_name = "a".repeat(257)),
        UserReply::Refused(Refusal::DisplayName)
    );
}

#[test]
fn an_import_makes_the_good_and_names_the_bad() {
    let folder = tempfile::tempdir().unwrap();
    let admin = admin(folder.path());
    let mut foreign = alice();
    foreign.aor = Aor::parse("alice@fabrikam.com").unwrap();
    let users = vec![alice(), foreign, user("bob"), alice()];
    for dry_run in [true, false] {
        let request = UserRequest::Import {
            users: users.clone(),
            dry_run,
        };
        let UserReply::Imported(outcomes) = admin.handle(UnixMillis(1), request) else {
            panic!("no outcomes");
        };
        assert!(matches!(
            outcomes.as_slice(),
            [
                None,
                Some(Refusal::Domain { .. }),
                None,
                Some(Refusal::Exists { .. })
            ]
        ));
        assert_eq!(admin.own.directory().len(), if dry_run { 0 } else { 2 });
    }
}

#[test]
fn an_account_is_moved_given_another_password_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let admin = admin(folder.path());
    let aor = alice().aor;
    let home = PoolName::parse("fepool02.contoso.net").unwrap();
    let verifiers = vec![NewVerifier {
        algorithm: Algorithm::Sha256,
        ha1: "cd".repeat(32),
    }];
    let nobody = UserReply::Refused(Refusal::Unknown { aor: aor.clone() });
    let requests = [
        UserRequest::Move {
            aor: aor.clone(),
            home: home.clone(),
        },
        UserRequest::Passwd {
            aor: aor.clone(),
            verifiers,
        },
        UserRequest::Remove { aor: aor.clone() },
    ];
    for request in &requests {
        assert_eq!(admin.handle(UnixMillis(1), request.clone()), nobody);
    }
    admin.handle(UnixMillis(2), UserRequest::Add(alice()));
    for (at, request) in (3..).zip(&requests[..2]) {
        assert_eq!(
            admin.handle(UnixMillis(at), request.clone()),
            UserReply::Done
        );
    }
    let user = admin.own.directory().find(aor.as_str()).unwrap();
    assert_eq!(
        (&user.home, user.created, user.changed),
        (&home, UnixMillis(2), UnixMillis(4))
    );
    assert!(user.verifier(Algorithm::Md5).is_none());
    assert_eq!(
        admin.handle(UnixMillis(5), requests[2].clone()),
        UserReply::Done
    );
    assert!(admin.own.directory().is_empty());
}

#[test]
fn certificates_are_published_shown_bounded_and_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let admin = admin(folder.path());
    let ask = |now, request| admin.handle(UnixMillis(now), request);
    let publish = |name: u8, issued| UserRequest::Publish {
        aor: alice().aor,
        certificate: ListedCertificate {
            fingerprint: CertificateId([name; 32]),
            issued,
            expires: issued + 1000,
        },
    };
    let revoke = |certificate| UserRequest::Revoke {
        aor: alice().aor,
        certificate,
    };
    let names = || -> Vec<u8> {
        let show = UserRequest::Show { aor: alice().aor };
        let UserReply::Users { users, .. } = ask(0, show) else {
            panic!("alice is not shown");
        };
        let certificates = &users[0].certificates;
        certificates
            .iter()
            .map(|one| one.fingerprint.0[0])
            .collect()
    };
    let unknown = ask(0, publish(0, 0));
    assert!(matches!(
        unknown,
        UserReply::Refused(Refusal::Unknown { .. })
    ));
    ask(0, UserRequest::Add(alice()));
    for name in 0..10 {
        assert_eq!(ask(1, publish(name, 1)), UserReply::Done);
    }
    assert_eq!(names(), [2, 3, 4, 5, 6, 7, 8, 9]);
    let third = Some(CertificateId([3; 32]));
    assert_eq!(ask(2, revoke(third)), UserReply::Done);
    let again = ask(2, revoke(third));
    assert!(matches!(
        again,
        UserReply::Refused(Refusal::NoCertificate { .. })
    ));
    assert_eq!(names(), [2, 4, 5, 6, 7, 8, 9]);
    // Those that have expired give way first.
    assert_eq!(ask(2000, publish(10, 2000)), UserReply::Done);
    assert_eq!(names(), [10]);
    assert_eq!(ask(2001, revoke(None)), UserReply::Done);
    assert!(names().is_empty());
}

#[test]
fn a_block_list_is_kept_shown_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let first = admin(folder.path());
    let entry = |text: &str| Blocked::parse(text).unwrap();
    let ask = |admin: &Admin, request| admin.handle(UnixMillis(2), request);
    let block = |blocked| UserRequest::Block {
        aor: alice().aor,
        blocked,
    };
    let unblock = |text| UserRequest::Unblock {
        aor: alice().aor,
        blocked: entry(text),
    };
    ask(&first, UserRequest::Add(alice()));
    for text in ["bob@contoso.com", "fabrikam.com", "bob@contoso.com"] {
        assert_eq!(ask(&first, block(entry(text))), UserReply::Done);
    }
    assert_eq!(ask(&first, unblock("fabrikam.com")), UserReply::Done);
    let refused = ask(&first, unblock("fabrikam.com"));
    assert!(matches!(
        refused,
        UserReply::Refused(Refusal::NotBlocked { .. })
    ));
    drop(first);

    let again = admin(folder.path());
    let found = again.users().find("sip:alice@contoso.com").unwrap();
    assert!(found.blocks("sip:bob@contoso.com") && !found.blocks("sip:carol@fabrikam.com"));
    assert_eq!(
        ListedUser::from(found.as_ref()).blocked,
        [entry("bob@contoso.com")]
    );
    for number in 1..BLOCKED_MAX {
        let blocked = entry(&format!("u{number}@contoso.com"));
        assert_eq!(ask(&again, block(blocked)), UserReply::Done);
    }
    let one_more = ask(&again, block(entry("one@more.com")));
    assert_eq!(one_more, UserReply::Refused(Refusal::BlockedFull));
    let moved = UserRequest::Move {
        aor: alice().aor,
        home: PoolName::parse("fepool02.contoso.net").unwrap(),
    };
    assert_eq!(ask(&again, moved), UserReply::Done);
    let kept = again.users().find("sip:alice@contoso.com").unwrap();
    assert_eq!(
        kept.blocked.len(),
        BLOCKED_MAX,
        "other changes leave it alone"
    );
}

#[test]
fn a_contact_list_is_kept_in_its_order_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let first = admin(folder.path());
    let ask = |admin: &Admin, request| admin.handle(UnixMillis(2), request);
    let named = |number: usize| user(&format!("u{number}")).aor;
    let (aor, others) = (alice().aor, CONTACTS_MAX + 1);
    ask(&first, UserRequest::Add(alice()));
    for number in 0..others {
        ask(&first, UserRequest::Add(user(&format!("u{number}"))));
    }
    let add = |contacts: &[Aor]| UserRequest::AddContacts {
        aor: alice().aor,
        contacts: contacts.to_vec(),
    };
    let remove = |contacts: &[Aor]| UserRequest::RemoveContacts {
        aor: alice().aor,
        contacts: contacts.to_vec(),
    };
    let three = [named(2), named(0), named(1)];
    for contacts in [&three[..], &three[1..]] {
        assert_eq!(ask(&first, add(contacts)), UserReply::Done);
    }
    let nobody = Aor::parse("nobody@contoso.com").unwrap();
    let refused = ask(&first, add(&[named(3), nobody.clone()]));
    assert_eq!(
        refused,
        UserReply::Refused(Refusal::Unknown { aor: nobody })
    );
    assert_eq!(ask(&first, remove(&[named(0)])), UserReply::Done);
    let refused = ask(&first, remove(&[named(2), named(0)]));
    let contact = named(0);
    assert_eq!(
        refused,
        UserReply::Refused(Refusal::NotContact {
            aor: aor.clone(),
            contact
        })
    );
    drop(first);

    let again = admin(folder.path());
    let shown = || ask(&again, UserRequest::Contacts { aor: aor.clone() });
    let two = vec![named(2), named(1)];
    assert_eq!(
        shown(),
        UserReply::Contacts(two),
        "all of a request or none"
    );
    let all: Vec<_> = (0..others).map(named).collect();
    let refused = ask(&again, add(&all));
    assert_eq!(refused, UserReply::Refused(Refusal::ContactsFull));
    assert_eq!(ask(&again, add(&all[..CONTACTS_MAX])), UserReply::Done);
    let kept = again.users().find(aor.as_str()).unwrap();
    assert_eq!(kept.contacts.len(), CONTACTS_MAX);
}

#[test]
fn a_list_comes_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let admin = admin(folder.path());
    let users = (0..5).map(|number| user(&format!("u{number}"))).collect();
    admin.handle(
        UnixMillis(1),
        UserRequest::Import {
            users,
            dry_run: false,
        },
    );
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let UserReply::Users { users, more } =
            admin.handle(UnixMillis(1), UserRequest::List { after, limit: 2 })
        else {
            panic!("no list");
        };
        seen.extend(users.iter().map(|user| user.aor.user().to_owned()));
        after = users.last().map(|user| user.aor.clone());
        if !more {
            break;
        }
    }
    assert_eq!(seen, ["u0", "u1", "u2", "u3", "u4"]);
}

fn admin(folder: &std::path::Path) -> Admin {
    let (own, _) = DirectoryLog::open(folder).unwrap();
    let pools = vec!["fepool01.contoso.net".into(), "fepool02.contoso.net".into()];
    Admin::new(
        own,
        Rules {
            domains: vec!["contoso.com".into()],
            pools,
        },
    )
}

fn alice() -> NewUser {
    user("alice")
}

fn user(name: &str) -> NewUser {
    NewUser {
        aor: Aor::parse(&format!("{name}@contoso.com")).unwrap(),
        display_name: name.into(),
        home: PoolName::parse("fepool01.contoso.net").unwrap(),
        verifiers: vec![NewVerifier {
            algorithm: Algorithm::Md5,
            ha1: "ab".repeat(16),
        }],
    }
}

#[test]
fn changes_are_told_with_the_user_and_never_with_a_verifier() {
    let (folder, traced) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let notebook = traces::Notebook::open(traced.path()).unwrap();
    let admin = admin(folder.path()).recorded_by(notebook.recorder());
    let fingerprint = CertificateId([7; 32]);
    let requests = [
        UserRequest::Add(alice()),
        UserRequest::Add(alice()),
        UserRequest::Passwd {
            aor: alice().aor,
            verifiers: alice().verifiers,
        },
        UserRequest::Revoke {
            aor: alice().aor,
            certificate: Some(fingerprint),
        },
        UserRequest::Import {
            users: vec![user("bob"), alice()],
            dry_run: false,
        },
        UserRequest::List {
            after: None,
            limit: 1,
        },
    ];
    for request in requests {
        admin.handle(UnixMillis(1), request);
    }
    let told = notebook.records();
    let decisions: Vec<&str> = told
        .iter()
        .filter_map(|it| it.decision.as_deref())
        .collect();
    assert_eq!(
        decisions,
        ["added", "refused", "password", "refused", "imported"]
    );
    assert_eq!(told[0].from.as_deref(), Some("sip:alice@contoso.com"));
    assert_eq!(told[3].component, logs::Component::Authentication);
    assert_eq!(
        told[4].reason.as_deref(),
        Some("1 accounts, 1 others refused")
    );
    for record in &told {
        assert!(!logs::line::text_of(record).contains("abab"), "{record:?}");
    }
}
