use spanlayer_macros::main;

#[main(name = 7)]
async fn handler(event: String) -> Result<String, String> {
    Ok(event)
}
