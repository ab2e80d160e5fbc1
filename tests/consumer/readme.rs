//! The library's samples in the README: they compile, because they stand here, and they stand there.

use std::error::Error;

use tokenkeeper_consumer::{AccessToken, Consumer, middleware::Authorize};

#[rustfmt::skip]
#[expect(dead_code, reason = "it is compiled, and compared")]
async fn two_lines() -> Result<AccessToken, Box<dyn Error>> {
    let token = tokenkeeper_consumer::Consumer::from_env().await?.token("edfi").await?;
    Ok(token)
}

#[rustfmt::skip]
#[expect(dead_code, reason = "it is compiled, and compared")]
fn a_client(consumer: Consumer) -> Result<reqwest_middleware::ClientWithMiddleware, Box<dyn Error>> {
    let authorize = Authorize::new(consumer, "edfi".parse()?).only_to(&"https://ods.example.org".parse()?);
    let client = reqwest_middleware::ClientBuilder::new(reqwest::Client::new()).with(authorize).build();
    Ok(client)
}

#[test]
fn the_readmes_lines_of_rust_are_lines_that_compile() {
    let (readme, compiled) = (include_str!("../../README.md"), include_str!("readme.rs"));
    let blocks = readme.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines: Vec<_> = blocks.flat_map(str::lines).map(str::trim).collect();
    assert!(lines.len() >= 3, "{lines:?}");
    for line in lines {
        assert!(compiled.contains(&format!("    {line}\n")), "{line}");
    }
}
