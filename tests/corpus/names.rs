//! Names: what is one stays as it is, and what is none is shown harmlessly.

use proptest::{prelude::*, test_runner::TestCaseResult};
use tokenkeeper_shared::name::TokenName;

use crate::damage::check;

#[test]
fn no_text_makes_a_name_that_could_be_mistaken() {
    check("names", |bytes| holds(&String::from_utf8_lossy(bytes)));
}

fn holds(text: &str) -> TestCaseResult {
    match text.parse::<TokenName>() {
        Ok(name) => {
            prop_assert_eq!(name.as_str(), text);
            prop_assert!(text.len() <= 128 && !text.is_empty() && !text.starts_with('-'));
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            prop_assert!(text.bytes().all(is_plain));
            prop_assert_eq!(name.to_string().parse().ok(), Some(name));
        }
        Err(error) => {
            let shown = error.to_string();
            prop_assert!(
                shown.chars().count() < 200 && !shown.contains(char::is_control),
                "{}",
                shown
            );
        }
    }
    Ok(())
}
