//! Scripts that lint reads: whatever they hold, it ends, and its places lie on the page.

use proptest::{prelude::*, test_runner::TestCaseResult};
use tokenkeeper_worker::cleanup::{
    lint::{Wish, lint},
    policy::shipped,
};

use crate::damage::check;

#[test]
fn no_script_leads_lint_off_the_page() {
    let policies = shipped().unwrap();
    let wish = Wish { dialect: None, tables: &[], policies: &policies };
    check("scripts", |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let told = lint(&text, &wish);
        let places = told.findings.iter().map(|found| (found.line, found.column));
        for (line, column) in places.chain(told.notes.iter().map(|note| (note.line, note.column))) {
            is_on(&text, line, column)?;
        }
        Ok(())
    });
}

fn is_on(text: &str, line: u64, column: u64) -> TestCaseResult {
    let wanted = usize::try_from(line).unwrap() - 1;
    let length = text.lines().nth(wanted).map(|line| line.chars().count());
    prop_assert!(
        length.is_some_and(|length| (1..=length as u64).contains(&column)),
        "{}:{}",
        line,
        column
    );
    Ok(())
}
