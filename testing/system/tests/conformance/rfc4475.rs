//! RFC 4475: torture tests. The cases are messages of our own, one for each of the RFC's.

#[test]
fn conforms() {
    super::torture::run(4475);
}
