//! Names of environment variables. Their values lie with the formats and with `exec`.

use tokenkeeper_shared::name::TokenName;

/// The variable that a token goes by when nobody says otherwise: `my.api` becomes `MY_API_TOKEN`.
pub(super) fn of(name: &TokenName) -> String {
    let word = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    let upper: String = name.as_str().to_ascii_uppercase().chars().map(word).collect();
    // POSIX, 8.1: no digit in front.
    let front = if upper.starts_with(|letter: char| letter.is_ascii_digit()) { "_" } else { "" };
    format!("{front}{upper}_TOKEN")
}

/// Checks a name that a user chose.
///
/// # Errors
/// A text for the command line's own message.
pub(super) fn checked(name: &str) -> Result<String, String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(fits)
    {
        let shown = name.escape_debug();
        let advice = "use letters, digits and \"_\", and no digit in front";
        return Err(format!("\"{shown}\" cannot name a variable: {advice}"));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_token_makes_a_name_of_a_variable() {
        for (name, expected) in [
            ("quartile", "QUARTILE_TOKEN"),
            ("my.api-2", "MY_API_2_TOKEN"),
            ("9lives", "_9LIVES_TOKEN"),
            ("_", "__TOKEN"),
            ("...", "____TOKEN"),
        ] {
            let variable = of(&name.parse().unwrap());
            assert_eq!(variable, expected);
            assert_eq!(checked(&variable).unwrap(), variable);
        }
    }

    #[test]
    fn a_name_that_no_shell_takes_is_refused() {
        for bad in ["", "A B", "9A", "A=B", "A-B", "Ä", "A\n", "$(id)"] {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
    }
}
