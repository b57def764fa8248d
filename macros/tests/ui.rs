//! The messages of the macros are their interface: each is pinned, word for word, beside the mistake that earns it.
//! After changing one on purpose: `TRYBUILD=overwrite cargo test -p spanlayer-macros`.

#[test]
fn every_mistake_is_answered_with_what_would_be_right() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}
