//! What makes a zone, and what does not.

use base::net::Face;
use dns::{Data, Record, Zone, ZoneError};
use hickory_proto::rr::RecordType;

use crate::desk::{Ask, address, addresses, origin, record};

fn zone_of(records: impl IntoIterator<Item = Record>) -> Result<Zone, ZoneError> {
    Zone::new([origin(Face::Inside, "contoso.com")], records)
}

#[test]
fn a_record_outside_the_domains_is_refused() {
    let name = "sip.example.org".to_owned();
    assert_eq!(
        zone_of([address(&name, "10.0.0.1")]).unwrap_err(),
        ZoneError::NoOrigin { name }
    );
    let other_face = Data::Address("10.0.0.1".parse().unwrap());
    let name = "sip.contoso.com".to_owned();
    let error = zone_of([record(Face::Outside, &name, other_face)]).unwrap_err();
    assert_eq!(error, ZoneError::NoOrigin { name });
}

#[test]
fn what_is_not_a_name_is_refused() {
    let long_label = format!("{}.contoso.com", "a".repeat(64));
    let long_name = format!("{}contoso.com", "abcdefg.".repeat(32));
    for name in [
        "",
        ".",
        "a..contoso.com",
        "a b.contoso.com",
        "a\\.contoso.com",
        &long_label,
        &long_name,
    ] {
        let error = zone_of([address(name, "10.0.0.1")]).unwrap_err();
        assert_eq!(
            error,
            ZoneError::Name {
                name: name.to_owned()
            }
        );
    }
}

#[test]
fn an_alias_stands_alone() {
    let name = "a.contoso.com";
    let alias = |target: &str| record(Face::Inside, name, Data::Alias(target.to_owned()));
    for records in [
        vec![alias("b.contoso.com"), address(name, "10.0.0.1")],
        vec![alias("b.contoso.com"), alias("c.contoso.com")],
    ] {
        let error = zone_of(records).unwrap_err();
        assert_eq!(
            error,
            ZoneError::AliasNotAlone {
                name: name.to_owned()
            }
        );
    }
    assert!(zone_of([alias("b.contoso.com"), alias("b.contoso.com")]).is_ok());
}

#[test]
fn a_text_too_long_for_one_piece_is_refused() {
    let text = |length| {
        record(
            Face::Inside,
            "a.contoso.com",
            Data::Text(vec!["x".repeat(length)]),
        )
    };
    assert!(zone_of([text(255)]).is_ok());
    assert!(matches!(zone_of([text(256)]), Err(ZoneError::Text { .. })));
}

#[test]
fn a_set_has_one_time_to_live_and_each_record_once() {
    let mut short = address("a.contoso.com", "10.0.0.2");
    short.ttl = 5;
    let twice = [
        address("a.contoso.com", "10.0.0.1"),
        short,
        address("A.contoso.com.", "10.0.0.1"),
    ];
    let (_, message) = Ask::inside("a.contoso.com", RecordType::A).of(&zone_of(twice).unwrap());
    assert_eq!(addresses(&message), ["10.0.0.1", "10.0.0.2"]);
    assert!(message.answers.iter().all(|record| record.ttl == 5));
}

#[test]
fn the_deepest_domain_answers() {
    let origins = [
        origin(Face::Inside, "contoso.com"),
        origin(Face::Inside, "EU.contoso.com"),
    ];
    let zone = Zone::new(origins, []).unwrap();
    let listed: Vec<String> = zone.origins(Face::Inside).collect();
    assert_eq!(listed, ["eu.contoso.com", "contoso.com"]);
    assert_eq!(zone.origins(Face::Outside).count(), 0);
    let (_, message) = Ask::inside("x.eu.contoso.com", RecordType::A).of(&zone);
    assert_eq!(message.authorities[0].name.to_ascii(), "eu.contoso.com.");
}
