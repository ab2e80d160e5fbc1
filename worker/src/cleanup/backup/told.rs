//! What the ledger is told of a target's backups, so that its rows can be brought back.

use crate::cleanup::{
    policy::{Identifier, Treatment},
    progress::{BackedUp, ParentOf},
    site::{Held, Site},
};

/// The tables whose rows are kept: the target's own, then its children, parents first.
#[must_use]
pub fn told(site: &Site<'_>) -> Vec<BackedUp> {
    // Children stand in the order of deletion: grandchildren first, but for orphans.
    let (orphaned, children): (Vec<&Held>, Vec<_>) =
        site.children.iter().partition(|held| held.is_orphaned());
    let held = std::iter::once(&site.own).chain(children.into_iter().rev()).chain(orphaned);
    held.filter(|held| held.is_kept()).map(|held| backed_up(site, held)).collect()
}

fn backed_up(site: &Site<'_>, held: &Held) -> BackedUp {
    let spelled = |name: &Identifier| {
        let spelled = name.spelled(site.dialect, site.case);
        // Another case makes no other kind of name of it.
        spelled.parse().unwrap_or_else(|_| name.clone())
    };
    let treated = |treatment| {
        let columns = held.columns.iter().filter(move |column| column.treatment == treatment);
        columns.map(|column| column.name.clone()).collect()
    };
    let parent = held.path.split_first().map(|(child, above)| ParentOf {
        table: spelled(above.first().map_or(&site.target.table, |parent| &parent.table)),
        on: child.on.iter().map(|(theirs, ours)| (spelled(theirs), spelled(ours))).collect(),
    });
    BackedUp {
        schema: site.target.schema.as_ref().map(spelled),
        table: spelled(&held.table),
        columns: treated(Treatment::Keep),
        hashed: treated(Treatment::Hash),
        dropped: treated(Treatment::Drop),
        parent,
    }
}
