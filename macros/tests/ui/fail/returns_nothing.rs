use spanlayer_macros::main;

#[main]
async fn handler(event: String) {
    drop(event);
}
