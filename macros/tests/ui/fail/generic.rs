use spanlayer_macros::handler;

#[handler]
async fn handle<T>(event: T) -> Result<T, String> {
    Ok(event)
}

fn main() {}
