//! What is in a bucket of S3, with the environment's credentials:
//!
//! ```text
//! cargo run -p spanlayer-pipeline --example bucket -- archive put prod/a < file
//! cargo run -p spanlayer-pipeline --example bucket -- archive list prod/
//! cargo run -p spanlayer-pipeline --example bucket -- archive get prod/a
//! cargo run -p spanlayer-pipeline --example bucket -- archive delete prod/a
//! ```

use std::io::{Read as _, Write as _, stdin, stdout};

use http::HeaderMap;
use spanlayer_pipeline::aws::{Aws, Bucket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [bucket, what, key] = args.as_slice() else {
        return Err("expected a bucket, `put`, `get`, `list` or `delete`, and a key or its beginning".into());
    };
    let bucket = Bucket::new(Aws::default(), bucket);
    match what.as_str() {
        "put" => {
            let mut body = Vec::new();
            stdin().read_to_end(&mut body)?;
            bucket.put(key, HeaderMap::new(), body.into()).await?;
        }
        "get" => stdout().write_all(&bucket.get(key).await?)?,
        "delete" => bucket.delete(key).await?,
        "list" => {
            let mut next = None;
            loop {
                let page = bucket.list(key, next.as_deref()).await?;
                page.keys.iter().for_each(|key| println!("{key}"));
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
        }
        _ => return Err("expected `put`, `get`, `list` or `delete`".into()),
    }
    Ok(())
}
