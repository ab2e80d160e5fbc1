//! What a backup has of a table.

use super::text::{EXECUTE, KEEP};
use crate::cleanup::{
    policy::Identifier,
    script::{
        place::{Place, number, spelled, text},
        shape,
    },
    sql::Sql,
};

pub(super) fn keep(place: Place<'_>, sql: &mut Sql) {
    let Place { part, table, target, number: at, .. } = place;
    let treated = shape::treated(part.target, table);
    sql.fill(KEEP, &|sql, name| match name {
        "open" => drop(sql.push("{")),
        "close" => drop(sql.push("}")),
        "execute" => drop(sql.push(EXECUTE)),
        "number" => drop(sql.number(number(at))),
        "target" => drop(sql.number(number(target + 1))),
        "owner" => owner(place, sql),
        "table_text" => spelled(table.name, sql),
        "backup_text" => spelled(&table.backup, sql),
        "quoted" => sql.quoted(|sql| {
            sql.name(table.name);
        }),
        "from" => sql.quoted(|sql| part.table(table.name, sql)),
        "make" => sql.quoted(|sql| {
            sql.push("CREATE TABLE ");
            part.table(&table.backup, sql);
            sql.push(
                " (tokenkeeper_row BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, \
                 INDEX tokenkeeper_run (tokenkeeper_run, tokenkeeper_batch)) AS SELECT ",
            );
        }),
        "schema" => match &part.target.schema {
            Some(schema) => json(&[schema], sql),
            None => drop(sql.push("'null'")),
        },
        "is_there" => is_there(place, sql),
        "hashed" => lower(&treated.hashed, sql),
        "dropped" => lower(&treated.dropped, sql),
        "texts" => lower(&treated.texts, sql),
        "left_out" => json(&treated.dropped, sql),
        "parent" => parent(place, sql),
        _ => {}
    });
}

/// The schema as text.
pub(super) fn owner(place: Place<'_>, sql: &mut Sql) {
    match &place.part.target.schema {
        Some(schema) => spelled(schema, sql),
        None => drop(sql.push("DATABASE()")),
    }
}

fn lower(names: &[&Identifier], sql: &mut Sql) {
    for name in names {
        sql.push(", ");
        text(&name.as_str().to_lowercase(), sql);
    }
}

/// Names as a list of JSON.
fn json(names: &[&Identifier], sql: &mut Sql) {
    let (dialect, case) = (sql.dialect(), sql.case());
    let quoted = |name: &&Identifier| format!("\"{}\"", name.spelled(dialect, case));
    text(&names.iter().map(quoted).collect::<Vec<_>>().join(","), sql);
}

fn parent(place: Place<'_>, sql: &mut Sql) {
    let Some((child, above)) = place.table.path.split_first() else {
        sql.push("'null'");
        return;
    };
    let (dialect, case) = (sql.dialect(), sql.case());
    let name = |name: &Identifier| format!("\"{}\"", name.spelled(dialect, case));
    let parent = above.first().map_or(&place.part.target.table, |parent| &parent.table);
    let on: Vec<_> =
        child.on.iter().map(|(theirs, ours)| format!("{}:{}", name(theirs), name(ours))).collect();
    text(&format!("{{\"table\":{},\"on\":{{{}}}}}", name(parent), on.join(",")), sql);
}

/// Whether the table, and all on its way up, are there.
fn is_there(place: Place<'_>, sql: &mut Sql) {
    let above = place.table.path.iter().skip(1).map(|child| &child.table);
    for name in [place.table.name, &place.part.target.table].into_iter().chain(above) {
        sql.push("EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = ");
        owner(place, sql);
        sql.push(" AND table_name = ");
        spelled(name, sql);
        sql.push(") AND ");
    }
    sql.push("TRUE");
}
