//! What stands in `<pre>` of a page of HTML: tags become blanks, entities the sign and blanks before it.

/// The lines with everything outside of `<pre>` blanked; nothing where there is no such element.
pub(super) fn preformatted(text: &str) -> Option<Vec<String>> {
    let lower = text.to_ascii_lowercase();
    lower.contains("<pre").then_some(())?;
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(open) = lower[at..].find("<pre").map(|open| at + open) {
        let begin = lower[open..].find('>').map_or(text.len(), |end| open + end + 1);
        let end = lower[begin..].find("</pre").map_or(text.len(), |end| begin + end);
        blank(&text[at..begin], &mut kept);
        plain(&text[begin..end], &mut kept);
        at = end;
    }
    blank(&text[at..], &mut kept);
    Some(
        kept.lines()
            .map(|line| if line.trim().is_empty() { "" } else { line }.to_owned())
            .collect(),
    )
}

fn blank(text: &str, kept: &mut String) {
    kept.extend(text.chars().map(|c| if c == '\n' { c } else { ' ' }));
}

/// Without tags and entities, each character in its place.
fn plain(text: &str, kept: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&']) {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = tag(rest).or_else(|| entity(rest, kept)).unwrap_or_else(|| {
            kept.push_str(&rest[..1]);
            1
        });
        if rest.starts_with('<') && length > 1 {
            blank(&rest[..length], kept);
        }
        rest = &rest[length..];
    }
    kept.push_str(rest);
}

/// The length of the tag that the text begins with.
fn tag(text: &str) -> Option<usize> {
    let behind = text.strip_prefix('<')?.trim_start_matches('/');
    behind.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(())?;
    let end = text.find('>')? + 1;
    (!text[..end].contains('\n')).then_some(end)
}

/// Writes the entity that the text begins with; its length.
fn entity(text: &str, kept: &mut String) -> Option<usize> {
    let (name, sign) = ENTITIES.iter().find(|(name, _)| text.starts_with(name))?;
    kept.push_str(&" ".repeat(name.len() - 1));
    kept.push(*sign);
    Some(name.len())
}

const ENTITIES: [(&str, char); 9] = [
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&amp;", '&'),
    ("&quot;", '"'),
    ("&apos;", '\''),
    ("&#39;", '\''),
    ("&#x27;", '\''),
    ("&#34;", '"'),
    ("&nbsp;", ' '),
];
