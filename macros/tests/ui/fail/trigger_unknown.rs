use spanlayer_macros::main;

#[main(trigger = "queue")]
async fn handler(event: String) -> Result<String, String> {
    Ok(event)
}
