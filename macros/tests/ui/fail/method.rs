use spanlayer_macros::handler;

struct Orders;

impl Orders {
    #[handler]
    async fn handle(&self) -> Result<(), String> {
        Ok(())
    }
}

fn main() {}
