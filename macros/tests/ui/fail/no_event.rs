use spanlayer_macros::main;

#[main]
async fn handler() -> Result<(), String> {
    Ok(())
}
