use spanlayer_macros::main;

#[main(attributes(team))]
async fn handler(event: String) -> Result<String, String> {
    Ok(event)
}
