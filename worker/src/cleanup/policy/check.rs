//! What serde cannot see: names that refer to each other, and rules that would delete too much.

use std::collections::BTreeSet;

use super::{Child, Column, Expiry, Identifier, Policy, Reason, Related, Target, Value};

/// What is wrong, and where.
pub(super) struct Wrong {
    pub(super) place: String,
    pub(super) message: String,
}

type Checked = Result<(), Wrong>;

pub(super) fn policy(policy: &Policy) -> Checked {
    plain_name(&policy.name, "name")?;
    require(!policy.targets.is_empty(), "target", "there is none: add [[target]]")?;
    require(!policy.dialects.is_empty(), "dialects", "name at least one, such as postgres")?;
    if let Some(builtin) = &policy.builtin {
        let is_said = |text: &str| !text.trim().is_empty();
        require(is_said(&builtin.place), "builtin", "name the `place` of the setting")?;
        require(is_said(&builtin.off), "builtin", "write into `off` what switches it off")?;
    }
    let mut names = BTreeSet::new();
    for each in &policy.targets {
        let place = format!("target \"{}\"", each.name);
        require(names.insert(&each.name), &place, "another target has this name: rename one")?;
        target(each)
            .map_err(|wrong| Wrong { place: format!("{place}, {}", wrong.place), ..wrong })?;
    }
    Ok(())
}

fn target(target: &Target) -> Checked {
    plain_name(&target.name, "name")?;
    require(!target.key.is_empty(), "key", "name the columns of the primary key")?;
    require(!target.reasons.is_empty(), "reason", "there is none: add [[target.reason]]")?;
    for column in target.key.iter().chain(&target.state) {
        known(target, column, "columns")?;
    }
    for (name, expiry) in &target.expiries {
        self::expiry(target, expiry, &format!("expiries.{name}"))?;
    }
    for each in &target.children {
        child(target, each)?;
    }
    let vendors = target.vendor.iter().flat_map(|vendor| &vendor.reasons);
    let mut names = BTreeSet::new();
    for each in &target.reasons {
        require(names.insert(&each.name), "reason", "two have one name: rename one")?;
    }
    for each in target.reasons.iter().chain(vendors) {
        plain_name(&each.name, "reason")?;
        reason(target, each, &format!("reason \"{}\"", each.name))?;
    }
    Ok(())
}

fn expiry(target: &Target, expiry: &Expiry, place: &str) -> Checked {
    let column = known(target, &expiry.at, place)?;
    let is_time = matches!(column, Column::Time(_));
    require(is_time, place, "`at` must be a column with { time = … }")?;
    if let Some(duration) = &expiry.duration {
        let column = known(target, duration, place)?;
        let is_duration = matches!(column, Column::Duration(_));
        require(is_duration, place, "`duration` must be a column with { duration = … }")?;
    }
    expiry.token.iter().try_for_each(|token| known(target, token, place).map(drop))
}

fn child(target: &Target, child: &Child) -> Checked {
    let place = format!("child {}", child.table);
    require(!child.on.is_empty(), &place, "`on` must name a column")?;
    // What goes first must not be the very reason.
    let is_reason = target.reasons.iter().flat_map(|reason| &reason.with).any(|with| {
        let mut nested = with.with.iter();
        with.table == child.table || nested.any(|each| each.table == child.table)
    });
    let message =
        "a reason looks for its rows, so they must go after the target's: add orphaned = true";
    require(child.orphaned || !is_reason, &place, message)?;
    let Some(parent) = &child.parent else { return Ok(()) };
    // A parent's rows must still be there when its children are looked for.
    let later = target.children.iter().skip_while(|each| each.table != child.table).skip(1);
    let found = later.into_iter().any(|each| each.table == *parent);
    require(found, &place, &format!("its parent {parent} must be a child that stands below it"))
}

fn reason(target: &Target, reason: &Reason, place: &str) -> Checked {
    if !reason.states.is_empty() {
        require(target.state.is_some(), place, "`states` needs the target's `state` column")?;
    }
    for column in reason.equals.keys().chain(&reason.absent) {
        known(target, column, place)?;
    }
    for name in &reason.past {
        let message = format!("there is no expiry \"{name}\": add it to the target's expiries");
        require(target.expiries.contains_key(name), place, &message)?;
    }
    values(reason.states.iter().chain(reason.equals.values().flatten()), place)?;
    // A row that nothing says is old, or has lost what it belongs to, is a row in use.
    let bound = !reason.past.is_empty() || !reason.without.is_empty() || !reason.with.is_empty();
    require(bound, place, "say what must be past: a state alone does not make a row old")?;
    for each in reason.with.iter().chain(&reason.without) {
        for ours in each.on.values().chain(each.after.values()) {
            known(target, ours, place)?;
        }
        related(each, place)?;
    }
    Ok(())
}

fn related(related: &Related, place: &str) -> Checked {
    let place = format!("{place}, table {}", related.table);
    require(!related.on.is_empty(), &place, "`on` must name a column")?;
    values(related.equals.values().flatten(), &place)?;
    related.with.iter().chain(&related.without).try_for_each(|each| self::related(each, &place))
}

fn values<'a>(mut values: impl Iterator<Item = &'a Value>, place: &str) -> Checked {
    let fits = |value: &Value| !matches!(value, Value::Text(text) if text.contains('\0'));
    require(values.all(fits), place, "a value holds a NUL character: take it out")
}

fn known<'a>(target: &'a Target, column: &Identifier, place: &str) -> Result<&'a Column, Wrong> {
    target.columns.get(column).ok_or_else(|| Wrong {
        place: place.to_owned(),
        message: format!("the column {column} is not declared: add it to the target's columns"),
    })
}

fn plain_name(name: &str, place: &str) -> Checked {
    require(is_name(name), place, NAMES)
}

/// Whether a policy may be called so.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(is_plain) && !text.starts_with(['-', '.'])
}

/// What [`is_name`] asks for.
pub const NAMES: &str = "a name has 1 to 64 characters of A-Z a-z 0-9 . _ -, no . or - in front";

fn require(holds: bool, place: &str, message: &str) -> Checked {
    if holds {
        return Ok(());
    }
    Err(Wrong { place: place.to_owned(), message: message.to_owned() })
}
