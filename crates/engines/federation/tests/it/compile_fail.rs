//! What must not compile.

#[test]
fn r1_what_was_not_checked_cannot_be_made_copied_or_passed_for_another() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
