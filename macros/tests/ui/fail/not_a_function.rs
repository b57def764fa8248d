use spanlayer_macros::handler;

#[handler]
struct Handler;

fn main() {}
