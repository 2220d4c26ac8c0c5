//! Each of `cases` does not compile, and its message says what to do.

#[test]
fn the_compiler_says_what_to_do() {
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}
