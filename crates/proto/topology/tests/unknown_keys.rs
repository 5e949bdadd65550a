//! Each table refuses what it does not know: found by walking the schema, so that no table is forgotten.

use serde_json::Value;
use topology::Topology;

use crate::{REFERENCE, SHORTEST, parse};

/// One text for each table of the schema, with `KEY` where a key of that table stands.
const TABLES: [(&str, &str); 20] = [
    ("Topology", "KEY = 1\nREST"),
    ("Site", "REST\n[[site]]\nname = \"main\"\nKEY = 1"),
    (
        "Pool",
        "REST\n[[pool]]\nKEY = 1\nfqdn = \"dns.contoso.net\"\nrole = \"dns\"",
    ),
    (
        "Web",
        "REST\n[[pool]]\nfqdn = \"d.contoso.net\"\nrole = \"director\"\nweb = { KEY = 1 }",
    ),
    ("Machine", "REST\nKEY = 1"),
    (
        "Gateway",
        "REST\n[[gateway]]\nfqdn = \"gw.contoso.net\"\naddress = \"10.9.9.9\"\nKEY = 1",
    ),
    (
        "Delegate",
        "REST\n[[delegate]]\nuser = \"a@contoso.com\"\nmay_register = [\"b@contoso.com\"]\nKEY = 1",
    ),
    ("SimpleUrls", "REST\n[simple_urls]\nKEY = 1"),
    ("Ports", "REST\n[ports]\nKEY = 1"),
    ("Sip", "REST\n[sip]\nKEY = 1"),
    (
        "UserAgent",
        "REST\n[[sip.user_agent]]\npattern = \"x\"\nKEY = 1",
    ),
    ("OfflineMessages", "REST\n[sip.offline_messages]\nKEY = 1"),
    ("Limits", "REST\n[limits]\nKEY = 1"),
    ("Dns", "REST\n[dns]\nKEY = 1"),
    ("Firewall", "REST\n[firewall]\nKEY = 1"),
    ("Logging", "REST\n[logging]\nKEY = 1"),
    (
        "Scenario",
        "REST\n[[logging.scenario]]\nname = \"Own\"\nwatch = [{ component = \"Edge\" }]\nKEY = 1",
    ),
    (
        "Watch",
        "REST\n[[logging.scenario]]\nname = \"Own\"\nwatch = [{ component = \"Edge\", KEY = 1 }]",
    ),
    ("Federation", "REST\n[federation]\nKEY = 1"),
    (
        "Partner",
        "REST\n[[federation.partner]]\ndomain = \"x.example\"\nKEY = 1",
    ),
];

#[test]
fn each_table_refuses_an_unknown_key() {
    for (table, text) in TABLES {
        let text = text
            .replace("REST", SHORTEST.trim())
            .replace("KEY", "nonsense");
        let faults = Topology::parse(&text, "test.toml").unwrap_err();
        let unknown = |rule: &str| rule == "unknown-key";
        let found = faults
            .all()
            .iter()
            .filter(|fault| unknown(fault.rule.name()))
            .count();
        assert_eq!(found, 1, "{table}: {faults}");
    }
}

#[test]
fn the_tables_tried_are_all_tables_of_the_schema() {
    let schema = Topology::schema();
    let definitions = schema["$defs"].as_object().unwrap();
    let is_table = |schema: &Value| schema["type"] == "object";
    let mut tables: Vec<&str> = definitions
        .iter()
        .filter(|(_, s)| is_table(s))
        .map(|(name, _)| name.as_str())
        .collect();
    tables.push("Topology");
    tables.sort_unstable();
    let mut tried: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
    tried.sort_unstable();
    assert_eq!(tables, tried);
    for name in &tables[..] {
        let closed = definitions.get(*name).unwrap_or(&schema)["additionalProperties"] == false;
        assert!(closed, "{name} allows keys that it does not know");
    }
}

#[test]
fn the_schema_tells_what_every_key_is_for() {
    let schema = Topology::schema();
    let definitions = schema["$defs"].as_object().unwrap().values();
    for table in definitions.chain([&schema]) {
        for (key, value) in table["properties"].as_object().into_iter().flatten() {
            assert!(
                value["description"].as_str().is_some_and(|d| !d.is_empty()),
                "{key}"
            );
        }
    }
}

#[test]
fn a_shortest_file_and_a_long_one_are_in_order() {
    assert_eq!(parse(SHORTEST).machines().len(), 1);
    assert_eq!(parse(REFERENCE).machines().len(), 9);
}
