use spanlayer_macros::main;

#[main]
async fn handler(event: String, context: u8) -> Result<String, String> {
    Ok(format!("{event} {context}"))
}
