//! What a backup has of a table.

use super::text::EXECUTE;
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

/// What a backup has of a table, and the backup itself where it is missing.
const KEEP: &str = "    SET @tk_there_{number} = {is_there};
    IF @tk_there_{number} THEN
      SELECT GROUP_CONCAT(CONCAT('`', column_name, '`, ') ORDER BY ordinal_position SEPARATOR ''),
        GROUP_CONCAT(CASE WHEN NOT is_hashed THEN CONCAT({quoted}, '.`', column_name, '`, ')
          WHEN data_type REGEXP 'blob|binary' THEN CONCAT('SHA2(', {quoted}, '.`', column_name, '`, 256), ')
          WHEN LOWER(column_name) IN (''{texts}) THEN CONCAT('CASE WHEN ', {quoted}, '.`', column_name, '` = '''' THEN '''' ELSE ',
            'SHA2(CONVERT(', {quoted}, '.`', column_name, '` USING utf8mb4), 256) END, ')
          ELSE CONCAT('SHA2(CONVERT(', {quoted}, '.`', column_name, '` USING utf8mb4), 256), ') END
          ORDER BY ordinal_position SEPARATOR ''),
        GROUP_CONCAT(CONCAT(IF(is_hashed, 'CAST(NULL AS CHAR(64)) AS ', ''), '`', column_name, '`, ')
          ORDER BY ordinal_position SEPARATOR ''),
        CONCAT('{open}\"schema\":', {schema}, ',\"table\":\"', {table_text}, '\",\"columns\":[',
          COALESCE(GROUP_CONCAT(IF(is_hashed, NULL, CONCAT('\"', column_name, '\"')) ORDER BY ordinal_position), ''), '],\"hashed\":[',
          COALESCE(GROUP_CONCAT(IF(is_hashed, CONCAT('\"', column_name, '\"'), NULL) ORDER BY ordinal_position), ''),
          '],\"dropped\":[', {left_out}, '],\"parent\":', {parent}, '{close}')
      INTO @tk_names_{number}, @tk_values_{number}, @tk_form, @tk_told
      FROM (SELECT *, LOWER(column_name) IN (''{hashed}) AS is_hashed FROM information_schema.columns
        WHERE table_schema = {owner} AND table_name = {table_text} AND LOWER(column_name) NOT IN (''{dropped})) found;
      SET @tk_kept_{target} = CONCAT(@tk_kept_{target}, IF(@tk_kept_{target} = '', '', ','), @tk_told);
      IF NOT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = {owner} AND table_name = {backup_text}) THEN
        SET @tk_sql = CONCAT({make}, @tk_form, 'CAST(NULL AS CHAR(64)) AS tokenkeeper_run, CAST(NULL AS SIGNED) AS tokenkeeper_batch, ',
          'CAST(NULL AS CHAR(64)) AS tokenkeeper_reason, CAST(NULL AS DATETIME(3)) AS tokenkeeper_deleted_at FROM ', {from},
          ' WHERE 1 = 0');
        {execute}
      END IF;
      SELECT MIN(own.column_name) INTO tk_found FROM information_schema.columns own
      WHERE own.table_schema = {owner} AND own.table_name = {table_text} AND LOWER(own.column_name) NOT IN (''{dropped})
      AND (own.column_name NOT REGEXP '^[A-Za-z_][A-Za-z0-9_]*$' OR NOT EXISTS (SELECT 1 FROM information_schema.columns kept
        WHERE kept.table_schema = {owner} AND kept.table_name = {backup_text} AND kept.column_name = own.column_name
        AND IF(LOWER(own.column_name) IN (''{hashed}), kept.data_type REGEXP 'char|text' AND kept.character_maximum_length >= 64,
          kept.column_type = own.column_type)));
      IF tk_found IS NOT NULL THEN
        SET tk_message = LEFT(CONCAT({backup_text}, ' has no column that takes the values of ', tk_found, ': rename that table'), 128);
        SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = tk_message;
      END IF;
    END IF;
";
