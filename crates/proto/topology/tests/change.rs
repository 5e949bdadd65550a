//! What another file means for names, certificates and listeners.

use base::net::Face;
use topology::change::{Change, Duty};
use topology::{RecordData, Topology};

use crate::{GATEWAY, REFERENCE, SINGLE_DIRECTOR, SMALL_OFFICE, parse, reference};

/// The reference topology with some of its text replaced, and what that means.
fn edited(from: &str, to: &str) -> (Topology, Topology, Change) {
    assert!(REFERENCE.contains(from), "{from}");
    let (old, new) = (reference(), parse(&REFERENCE.replacen(from, to, 1)));
    let change = old.change_to(&new);
    (old, new, change)
}

#[test]
fn nothing_follows_from_the_same_file_and_the_way_back_is_the_mirror() {
    let all = [REFERENCE, SINGLE_DIRECTOR, GATEWAY, SMALL_OFFICE].map(parse);
    for one in &all {
        assert!(one.change_to(one).is_empty());
        for other in &all {
            let (there, back) = (one.change_to(other), other.change_to(one));
            for (there, back) in there.records.iter().zip(&back.records) {
                assert_eq!((&there.added, &there.removed), (&back.removed, &back.added));
            }
            assert_eq!(there.records.len(), back.records.len());
            assert_eq!(there.certificates.len(), back.certificates.len());
            assert_eq!(there.listeners.len(), back.listeners.len());
        }
    }
}

#[test]
fn what_is_told_of_records_is_what_lies_between_the_two_zones() {
    let all = [REFERENCE, SINGLE_DIRECTOR, GATEWAY, SMALL_OFFICE].map(parse);
    for one in &all {
        for other in &all {
            let mut records = one.records();
            for change in one.change_to(other).records {
                let goes = |name: &str, face, data: &RecordData| {
                    name == change.name && face == change.face && change.removed.contains(data)
                };
                records.retain(|record| !goes(&record.name, record.face, &record.data));
                let added = other.records().into_iter();
                records.extend(added.filter(|record| {
                    record.name == change.name
                        && record.face == change.face
                        && change.added.contains(&record.data)
                }));
            }
            let mut expected = other.records();
            let order = |r: &topology::Record| (r.face, r.name.clone(), r.data.clone());
            records.sort_by_key(order);
            expected.sort_by_key(order);
            assert_eq!(records, expected);
        }
    }
}

#[test]
fn a_machine_that_moves_changes_its_records_and_listeners_and_keeps_its_certificate() {
    let (_, _, change) = edited("\"10.0.0.22\"", "\"10.0.0.29\"");
    assert!(change.certificates.is_empty());
    let names: Vec<&str> = change.records.iter().map(|one| one.name.as_str()).collect();
    assert!(names.contains(&"fe02.contoso.net") && names.contains(&"fepool02.contoso.net"));
    assert!(change.records.iter().all(|one| one.is_kept));
    for one in &change.listeners {
        assert_eq!(one.machine.as_str(), "fe02.contoso.net");
        assert!(one.before.is_none() != one.after.is_none(), "{one:?}");
    }
    assert!(!change.listeners.is_empty());
}

#[test]
fn another_domain_asks_for_names_in_certificates_and_its_loss_for_revoking() {
    let one = "domains = [\"contoso.com\"]";
    let (old, new, change) = edited(one, "domains = [\"contoso.com\", \"fabrikam.com\"]");
    let edge = change
        .certificates
        .iter()
        .find(|one| one.machine.as_str().starts_with("edge01") && one.face == Face::Outside)
        .unwrap();
    assert_eq!(edge.duty, Duty::IssueAgain);
    let added: Vec<&str> = edge.added.iter().map(|name| name.as_str()).collect();
    assert_eq!(added, ["sip.fabrikam.com", "fabrikam.com"]);
    let srv = change
        .records
        .iter()
        .find(|one| one.name == "_sip._tls.fabrikam.com");
    assert!(srv.is_some_and(|one| !one.is_kept && one.removed.is_empty()));
    let back = new.change_to(&old);
    let duties: Vec<Duty> = back.certificates.iter().map(|one| one.duty).collect();
    assert!(
        duties.iter().all(|duty| *duty == Duty::Replace),
        "{duties:?}"
    );
}

#[test]
fn a_machine_that_comes_needs_a_certificate_and_one_that_goes_leaves_one_to_revoke() {
    let office = parse(SMALL_OFFICE);
    let (there, back) = (
        office.change_to(&reference()),
        reference().change_to(&office),
    );
    let duty = |change: &Change, name: &str| {
        let own = change.certificates.iter();
        let own = own.filter(|one| one.machine.as_str() == name && one.face == Face::Inside);
        own.map(|one| one.duty).collect::<Vec<Duty>>()
    };
    assert_eq!(duty(&there, "dir02.contoso.net"), [Duty::Issue]);
    assert_eq!(duty(&back, "dir02.contoso.net"), [Duty::Revoke]);
}
