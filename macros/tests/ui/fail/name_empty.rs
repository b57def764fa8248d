use spanlayer_macros::main;

#[main(name = "")]
async fn handler(event: String) -> Result<String, String> {
    Ok(event)
}
