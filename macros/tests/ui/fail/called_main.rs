#[spanlayer_macros::main]
async fn main(event: String) -> Result<String, String> {
    Ok(event)
}
