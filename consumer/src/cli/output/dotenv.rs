//! A file of variables, as docker, compose, systemd and libraries of many languages read it. There is
//! no standard: what all of them read alike is a plain word, or a text in single quotes.

use tokenkeeper_shared::exit::Failure;

use super::{Shown, variables};

/// # Errors
/// A value that cannot be written so that all readers agree: Python's `dotenv` fills in `${NAME}` even
/// within single quotes.
pub(super) fn render(shown: &Shown) -> Result<String, Failure> {
    let differs =
        |(_, value): &(String, String)| value.contains(['\'', '\\']) || value.contains("${");
    if variables::of(shown).iter().any(differs) {
        return Err(shown.unfit("readers differ over quotes, \"\\\" and \"${\": use --format env"));
    }
    Ok(variables::lines(shown, |name, value| format!("{name}={}", quoted(value))))
}

/// `docker run --env-file` takes quotes for a part of the value, so that a plain word has none.
fn quoted(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=:@%,".contains(&byte);
    if value.bytes().all(is_plain) { value.to_owned() } else { format!("'{value}'") }
}

#[cfg(test)]
mod tests {
    use tokenkeeper_shared::secret::Secret;

    use super::{
        super::{hostile, shown::example},
        *,
    };

    #[test]
    fn a_shell_that_reads_the_file_gets_the_values_and_runs_nothing() {
        hostile::survive("sh", |value| {
            let mut shown = example();
            shown.access_token = Secret::new(value);
            match render(&shown) {
                Ok(lines) => format!("{lines}\nprintf '%s\\0' \"$MY_API_TOKEN\""),
                Err(_) => format!("printf '%s\\0' '{}'", value.replace('\'', r"'\''")),
            }
        });
    }

    #[test]
    fn a_token_of_the_usual_alphabet_has_no_quotes() {
        let lines = render(&example()).unwrap();
        assert!(
            lines.starts_with("MY_API_TOKEN=canary.token-1\nMY_API_TOKEN_TYPE=bearer\n"),
            "{lines}"
        );
        assert!(lines.contains("MY_API_TOKEN_SCOPE='read write'"), "{lines}");
    }

    #[test]
    fn what_readers_differ_over_is_refused() {
        for bad in ["it's", r"a\b", "${HOME}"] {
            let shown = Shown { scope: Some(bad.to_owned()), ..example() };
            assert!(render(&shown).is_err(), "{bad}");
        }
    }
}
