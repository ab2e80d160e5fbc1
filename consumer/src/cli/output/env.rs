//! Variables for `sh`, `bash`, `zsh` and their kin, by `eval` or `.`.

use super::{Shown, variables};

pub(super) fn render(shown: &Shown) -> String {
    variables::lines(shown, |name, value| format!("export {name}={}", quoted(value)))
}

/// POSIX, 2.2.2: within single quotes nothing but their end has a meaning.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{super::hostile, quoted};

    #[test]
    fn what_a_shell_reads_back_is_what_was_there_and_nothing_is_run() {
        for shell in ["sh", "bash", "zsh"] {
            hostile::survive(shell, |value| {
                format!("export V={}; printf '%s\\0' \"$V\"", quoted(value))
            });
        }
    }
}
