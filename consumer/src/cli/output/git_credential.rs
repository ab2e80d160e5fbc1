//! What git reads from a credential helper: git's documentation, gitcredentials(7) and
//! git-credential(1). Whatever it wants stored or erased is the worker's business.

use std::io::{BufRead, BufReader, Read};

use tokenkeeper_shared::exit::Failure;

use super::{Asked, Caller, Shown, no_operation};

/// Git asks on stdin; of that the user's name alone counts. An unknown operation is to be ignored,
/// says gitcredentials(7).
pub(super) fn asked(operation: Option<&str>, stdin: impl Read) -> Result<Asked, Failure> {
    match operation {
        None => Err(no_operation("git")),
        Some("get") => {
            let username =
                attributes(stdin).find_map(|(key, value)| (key == "username").then_some(value));
            Ok(Asked::Token(Caller { username, ..Caller::default() }))
        }
        Some(_) => Ok(Asked::Nothing),
    }
}

/// Git ignores a password whose time is over (git 2.40 and later).
pub(super) fn render(shown: &Shown, username: &str) -> Result<String, Failure> {
    if username.contains(char::is_control) {
        return Err(shown.unfit("the user's name holds line ends or control characters"));
    }
    let expiry = shown.expires_at.timestamp();
    let token = shown.access_token.expose();
    Ok(format!("username={username}\npassword={token}\npassword_expiry_utc={expiry}"))
}

/// Lines of `key=value`, up to an empty one or the end.
fn attributes(stdin: impl Read) -> impl Iterator<Item = (String, String)> {
    let lines = BufReader::new(stdin.take(LONGEST_REQUEST)).lines().map_while(Result::ok);
    let pair =
        |line: String| line.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    lines.take_while(|line| !line.is_empty()).filter_map(pair)
}

/// Git's own bound of a line is 64 KiB.
const LONGEST_REQUEST: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::{super::shown::example, *};

    fn username(request: &str) -> Option<String> {
        match asked(Some("get"), request.as_bytes()).unwrap() {
            Asked::Token(caller) => caller.username,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_name_of_the_user_comes_from_the_request() {
        assert_eq!(username("protocol=https\nhost=h\nusername=me\n\n").as_deref(), Some("me"));
        assert_eq!(username("protocol=https\nhost=h\n\nusername=me\n"), None, "after the end");
        for odd in ["", "\n", "nothing\n", "=\n", "\0"] {
            assert_eq!(username(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn a_line_end_in_a_name_adds_no_line() {
        assert!(render(&example(), "me\nhost=evil").is_err());
        assert_eq!(render(&example(), "me").unwrap().lines().count(), 3);
    }

    #[test]
    fn what_is_not_asked_for_is_ignored_and_no_operation_is_a_mistake() {
        for operation in ["store", "erase", "capability", "list", ""] {
            assert!(matches!(asked(Some(operation), "".as_bytes()), Ok(Asked::Nothing)));
        }
        assert!(asked(None, "".as_bytes()).is_err());
    }
}
