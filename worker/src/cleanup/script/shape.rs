//! What a script knows of a target's tables: it has seen none of them, and names what the policy names.

use std::collections::BTreeSet;

use super::NoScript;
use crate::cleanup::{
    columns,
    policy::{Child, Identifier, Target, Treatment},
    site::{Secrets, backup_of, is_text, treatment},
};

/// A table whose rows go.
pub(super) struct Table<'a> {
    pub(super) name: &'a Identifier,
    pub(super) backup: Identifier,
    /// The columns that the backup keeps, and whether as hashes.
    pub(super) columns: Vec<(&'a Identifier, bool)>,
    /// The steps up to the target; empty: it is its own table.
    pub(super) path: Vec<&'a Child>,
}

impl Table<'_> {
    pub(super) fn is_orphaned(&self) -> bool {
        self.path.first().is_some_and(|child| child.orphaned)
    }
}

/// The target's own table, and those of its children in the order of deletion: orphans after their parents.
pub(super) fn tables(target: &Target) -> Result<(Table<'_>, Vec<Table<'_>>), NoScript> {
    let named = target.key.iter().chain(target.columns.keys());
    let own = table(target, &target.table, named.collect(), Vec::new())?;
    let children = target.children.iter().map(|child| {
        let below =
            target.children.iter().filter(|each| each.parent.as_ref() == Some(&child.table));
        let named = child.on.keys().chain(below.flat_map(|each| each.on.values()));
        table(target, &child.table, named.collect(), path(target, child))
    });
    Ok((own, children.collect::<Result<_, _>>()?))
}

/// The columns of the target that its children, also those further down, are found by.
pub(super) fn found_by(target: &Target) -> BTreeSet<&Identifier> {
    let direct = target.children.iter().filter(|child| child.parent.is_none());
    target.key.iter().chain(direct.flat_map(|child| child.on.values())).collect()
}

/// The tables that may refer to the target: its children, and those without whose rows none goes.
pub(super) fn known(target: &Target) -> BTreeSet<&Identifier> {
    let guards = |table: &&Identifier| {
        let awaits = |related: &crate::cleanup::policy::Related| related.table == **table;
        target.reasons.iter().all(|reason| reason.without.iter().any(awaits))
    };
    let related = target.reasons.iter().flat_map(|reason| &reason.without);
    let related = related.map(|related| &related.table).filter(guards);
    target.children.iter().map(|child| &child.table).chain(related).collect()
}

/// What becomes of a table's secret columns in its backup, by the policy's say.
pub(super) struct Treated<'a> {
    pub(super) hashed: Vec<&'a Identifier>,
    pub(super) dropped: Vec<&'a Identifier>,
    /// Those whose '' means that there is nothing.
    pub(super) texts: Vec<&'a Identifier>,
}

pub(super) fn treated<'a>(target: &'a Target, of: &Table<'a>) -> Treated<'a> {
    let secrets = of.path.first().map_or(&target.secrets, |child| &child.secrets);
    let with = |wanted: Treatment| {
        let is = move |name: &&Identifier| {
            let is_read = columns::is_read(target, of.name, name.as_str());
            treatment(name.as_str(), (secrets, Secrets::Policy), is_read) == wanted
        };
        secrets.keys().filter(is).collect()
    };
    let texts = secrets.keys().filter(|name| is_text(target, name));
    Treated {
        hashed: with(Treatment::Hash),
        dropped: with(Treatment::Drop),
        texts: texts.collect(),
    }
}

fn table<'a>(
    target: &'a Target,
    table: &'a Identifier,
    named: BTreeSet<&'a Identifier>,
    path: Vec<&'a Child>,
) -> Result<Table<'a>, NoScript> {
    let backup = backup_of(table).ok_or_else(|| NoScript::TooLong(table.clone()))?;
    let secrets = path.first().map_or(&target.secrets, |child| &child.secrets);
    let related = columns::of_related(target);
    let is_own = path.is_empty();
    let is_read = |name: &Identifier| {
        let beside = related.iter().filter(|(of, _)| of == table).flat_map(|(_, reads)| reads);
        is_own || beside.into_iter().any(|read| read.column == *name)
    };
    let kept = named.into_iter().filter_map(|name| {
        let treatment = treatment(name.as_str(), (secrets, Secrets::Policy), is_read(name));
        (treatment != Treatment::Drop).then_some((name, treatment == Treatment::Hash))
    });
    Ok(Table { name: table, backup, columns: kept.collect(), path })
}

fn path<'a>(target: &'a Target, child: &'a Child) -> Vec<&'a Child> {
    let mut path = vec![child];
    while let Some(parent) = path.last().and_then(|last| last.parent.as_ref()) {
        let Some(above) = target.children.iter().find(|each| each.table == *parent) else { break };
        path.push(above);
    }
    path
}
