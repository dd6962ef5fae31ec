//! What must be impossible to write.

#[test]
fn r1_verified_types_have_no_other_way_in() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/compile_fail/*.rs");
}
