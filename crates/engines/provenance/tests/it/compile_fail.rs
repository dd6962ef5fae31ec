//! What must not compile.

#[test]
fn r1_a_verified_record_cannot_be_made_without_checking() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
