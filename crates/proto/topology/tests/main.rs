//! The topology file as its users meet it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bad_files;
mod beside;
mod change;
mod examples;
mod flow_table;
mod loopback;
mod unknown_keys;
mod view;

use topology::Topology;

const REFERENCE: &str = include_str!("../../../../examples/reference.toml");
const SINGLE_DIRECTOR: &str = include_str!("../../../../examples/single-director.toml");
const GATEWAY: &str = include_str!("../../../../examples/gateway.toml");
const SMALL_OFFICE: &str = include_str!("../../../../examples/small-office.toml");

/// The shortest file that is in order.
const SHORTEST: &str = r#"
version = 1
domains = ["contoso.com"]
[[pool]]
fqdn = "fe01.contoso.net"
role = "front_end"
[[machine]]
fqdn = "fe01.contoso.net"
pool = "fe01.contoso.net"
address = "10.0.0.21"
"#;

fn parse(text: &str) -> Topology {
    Topology::parse(text, "test.toml").unwrap()
}

fn reference() -> Topology {
    parse(REFERENCE)
}

/// The rules that a text breaks, in the order of the file.
fn broken(text: &str) -> Vec<&'static str> {
    let faults = Topology::parse(text, "test.toml").map(|_| ()).unwrap_err();
    faults.all().iter().map(|fault| fault.rule.name()).collect()
}
