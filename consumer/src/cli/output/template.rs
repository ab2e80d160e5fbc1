//! A text of the user's own with places for a token's values. They go in as they are: whoever writes
//! a template for a shell or a page quotes them there.

use super::{Shown, header::authorization};
use crate::cli::failure::time;

/// A template that was understood: every place in it has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(&'static str),
}

impl Template {
    /// `{token}` is a place, `{{` and `}}` are braces.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, found) = rest.split_at(at);
            parts.push(Part::Text(before.to_owned()));
            let (part, after) = brace(found)?;
            parts.push(part);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    pub(super) fn render(&self, shown: &Shown) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Place(place) => value(shown, place),
        };
        self.0.iter().map(text).collect()
    }
}

/// All that there are, as they are written.
pub(super) fn places() -> String {
    PLACES.map(|place| format!("{{{place}}}")).join(" ")
}

/// The part that begins with a brace, and what follows it.
fn brace(found: &str) -> Result<(Part, &str), String> {
    for doubled in ["{{", "}}"] {
        if let Some(after) = found.strip_prefix(doubled) {
            return Ok((Part::Text(doubled[1..].to_owned()), after));
        }
    }
    let inside = found.strip_prefix('{').ok_or("a single \"}\": write \"}}\" for a brace")?;
    let (name, after) =
        inside.split_once('}').ok_or("a \"{\" without its \"}\": write \"{{\" for a brace")?;
    let place = PLACES.into_iter().find(|place| *place == name);
    let place = place.ok_or_else(|| {
        let shown: String = name.escape_debug().take(SHOWN).collect();
        format!("\"{{{shown}}}\" is no placeholder: known are {}", places())
    })?;
    Ok((Part::Place(place), after))
}

fn value(shown: &Shown, place: &str) -> String {
    match place {
        "name" => shown.name.to_string(),
        "token" => shown.access_token.expose().to_owned(),
        "authorization" => authorization(shown),
        "type" => shown.token_type.clone(),
        "scope" => shown.scope.clone().unwrap_or_default(),
        "expires_at" => time(shown.expires_at),
        "expires_unix" => shown.expires_at.timestamp().to_string(),
        "expires_in" => shown.expires_in.to_string(),
        _ => shown.generation.to_string(),
    }
}

const PLACES: [&str; 9] = [
    "token",
    "authorization",
    "name",
    "type",
    "scope",
    "expires_at",
    "expires_unix",
    "expires_in",
    "generation",
];

/// How much of an unknown placeholder an error repeats.
const SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::{super::shown::example, *};

    fn rendered(text: &str) -> String {
        Template::parse(text).unwrap().render(&example())
    }

    #[test]
    fn every_place_has_its_value() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("{token}", "canary.token-1"),
            ("-H {authorization}", "-H Bearer canary.token-1"),
            ("{name} {type} {scope}", "my.api bearer read write"),
            ("{expires_at} {expires_unix} {expires_in}", "2033-05-18T03:33:20Z 2000000000 3600"),
            ("{generation}", "7"),
            ("{{\"t\":\"{token}\"}}", "{\"t\":\"canary.token-1\"}"),
            ("{{token}}", "{token}"),
            ("{{{token}}}", "{canary.token-1}"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }

    #[test]
    fn a_value_that_looks_like_a_place_stays_as_it_is() {
        let shown = Shown { scope: Some("{token}".to_owned()), ..example() };
        assert_eq!(Template::parse("{scope}").unwrap().render(&shown), "{token}");
    }

    #[test]
    fn an_unknown_placeholder_is_refused_with_those_that_are_known() {
        for bad in ["{}", "{Token}", "{ token}", "{refresh_token}", "{token:>9}", "{\u{1b}[2J}"] {
            let refused = Template::parse(bad).unwrap_err();
            assert!(
                refused.contains("{token} {authorization}") && !refused.contains('\u{1b}'),
                "{refused}"
            );
        }
        for bad in ["{", "}", "{token", "token}", "{{}", "a}b"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }
}
