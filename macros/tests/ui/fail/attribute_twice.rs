use spanlayer_macros::main;

#[main(attributes(team = "a", "team" = "b"))]
async fn handler(event: String) -> Result<String, String> {
    Ok(event)
}
