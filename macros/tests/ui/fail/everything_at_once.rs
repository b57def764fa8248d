use spanlayer_macros::main;

#[main]
fn handler() {}
