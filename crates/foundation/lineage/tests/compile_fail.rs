//! What must not compile.

#[test]
fn a_retired_key_cannot_sign_and_a_lineage_cannot_be_made_up() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
