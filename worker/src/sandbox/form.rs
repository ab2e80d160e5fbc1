//! Form-encoded requests and the client authentication they come with (RFC 6749, 2.3.1).
//! What the parameters ask for is not here but in `rfc6749` and `protected`.

use std::collections::HashMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use url::form_urlencoded;

use super::{answer::FORM, provider::Refusal, recorded::Heard, settings::Credentials};

/// The parameters of a request; empty ones count as left out (RFC 6749, 3.1).
pub(super) struct Form(HashMap<String, String>);

impl Form {
    /// Reads the body of a request; a parameter may come once only (RFC 6749, 3.2).
    pub fn read(heard: &Heard) -> Result<Self, Refusal> {
        if !heard.is_of_type(FORM) {
            return Err(Refusal::Malformed("the content type is not form-encoded"));
        }
        let mut parameters = HashMap::new();
        for (name, value) in form_urlencoded::parse(&heard.body) {
            let earlier = parameters.insert(name.into_owned(), value.into_owned());
            if earlier.is_some() {
                return Err(Refusal::Malformed("a parameter is repeated"));
            }
        }
        Ok(Self(parameters))
    }

    /// Takes a parameter out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }

    /// Checks the client by the `Authorization` header or by the parameters; both at once are
    /// refused.
    pub fn authenticate(&mut self, heard: &Heard, known: &Credentials) -> Result<(), Refusal> {
        let posted = (self.take("client_id"), self.take("client_secret"));
        let (id, secret) = match (heard.header("authorization"), posted) {
            (Some(_), (_, Some(_))) => {
                return Err(Refusal::Malformed("the client authenticates in two ways"));
            }
            (Some(header), _) => basic(header).ok_or(Refusal::Client)?,
            (None, (Some(id), Some(secret))) => (id, secret),
            (None, _) => return Err(Refusal::Client),
        };
        let is_known = id == known.client_id && secret == known.client_secret;
        is_known.then_some(()).ok_or(Refusal::Client)
    }
}

/// Client identifier and secret: each form-encoded, joined by a colon, the whole in base64.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decode(id), form_decode(secret)))
}

fn form_decode(text: &str) -> String {
    // One value, not a list of pairs: an ampersand that somebody forgot to encode belongs to it.
    let pair = format!("={}", text.replace('&', "%26"));
    form_urlencoded::parse(pair.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{BASE64_STANDARD, Engine, basic, form_decode};

    #[test]
    fn basic_credentials_are_form_decoded_one_by_one() {
        let header = format!("basic {}", BASE64_STANDARD.encode("a%3Ab:c%26d+e"));
        assert_eq!(basic(&header), Some(("a:b".to_owned(), "c&d e".to_owned())));
    }

    #[test]
    fn headers_that_are_not_basic_credentials_are_no_client() {
        for header in ["", "Basic", "Basic !", "Bearer YTpi", "Basic YWI="] {
            assert_eq!(basic(header), None, "{header}");
        }
    }

    #[test]
    fn a_value_keeps_its_unencoded_separators() {
        assert_eq!(form_decode("a=b&c"), "a=b&c");
        assert_eq!(form_decode(""), "");
    }
}
