//! Words of a shell's command.

use super::Unfit;

/// One word, whatever is in it.
///
/// # Errors
/// [`Unfit`] for line ends and other control characters.
pub(super) fn word(text: &str) -> Result<String, Unfit> {
    if text.chars().any(char::is_control) {
        return Err(Unfit(format!(
            "{text:?} holds a line end or another control character: rename it"
        )));
    }
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}
