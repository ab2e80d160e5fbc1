//! What the one `Authorization` header of a request holds.

use axum::http::{HeaderMap, header};

/// RFC 6750, 2.1: the text of the one bearer token. Two headers are a smuggler's.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    credentials(headers, "Bearer")
}

/// What the one `Authorization` header holds under this scheme (RFC 9110, 11.4: in any case).
#[must_use]
pub fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (given, text) = value.to_str().ok()?.split_once(' ')?;
    let text = text.trim_matches(' ');
    (given.eq_ignore_ascii_case(scheme) && !text.is_empty() && !text.contains(' ')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_one_bearer_token_counts() {
        assert_eq!(bearer(&headers(&["Bearer k"])), Some("k"));
        assert_eq!(bearer(&headers(&["bearer  k"])), Some("k"));
        for bad in [
            &[][..],
            &["Bearer k", "Bearer k"],
            &["Basic k"],
            &["Bearer"],
            &["Bearer "],
            &["Bearer k k"],
            &["Bearerk"],
            &["Bearer k,Bearer l "],
        ] {
            let is_none = bearer(&headers(bad)).is_none_or(|text| text.contains(','));
            assert!(is_none, "{bad:?}");
        }
    }
}
