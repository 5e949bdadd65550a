//! RFC 5118: torture tests for IPv6. The cases are messages of our own, one for each of the RFC's.

#[test]
fn conforms() {
    super::torture::run(5118);
}
