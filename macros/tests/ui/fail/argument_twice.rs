use spanlayer_macros::main;

#[main(name = "a", name = "b")]
async fn handler(event: String) -> Result<String, String> {
    Ok(event)
}
