use spanlayer_macros::main;

#[main]
fn handler(event: String) -> Result<String, String> {
    Ok(event)
}
