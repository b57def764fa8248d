use spanlayer_macros::main;

#[main(service = "orders")]
async fn handler(event: String) -> Result<String, String> {
    Ok(event)
}
