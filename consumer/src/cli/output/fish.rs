//! Variables for fish, by `source`.

use super::{Shown, variables};

pub(super) fn render(shown: &Shown) -> String {
    variables::lines(shown, |name, value| format!("set -gx {name} {}", quoted(value)))
}

/// fish, "Quotes": within single quotes `\` and `'` alone have a meaning.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    use super::{super::hostile, quoted};

    #[test]
    fn what_fish_reads_back_is_what_was_there_and_nothing_is_run() {
        hostile::survive("fish", |value| format!("set -gx V {}; printf '%s\\0' $V", quoted(value)));
    }
}
