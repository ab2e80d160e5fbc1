//! What a backup has of a table.

use crate::cleanup::{
    policy::Identifier,
    script::{
        Part,
        place::{Place, spelled, text},
        shape,
        shape::Table,
    },
    sql::Sql,
};

pub(super) fn add(Place { part, table, .. }: Place<'_>, name: &str, sql: &mut Sql) {
    let treated = shape::treated(part.target, table);
    let lower = |names: &[&Identifier], sql: &mut Sql| {
        for name in names {
            sql.push(", ");
            text(&name.as_str().to_lowercase(), sql);
        }
    };
    match name {
        "is_there" => is_there(part, table, sql),
        "schema" => match &part.target.schema {
            Some(schema) => spelled(schema, sql),
            None => drop(sql.push("NULL")),
        },
        "hashed" => lower(&treated.hashed, sql),
        "dropped" => lower(&treated.dropped, sql),
        "texts" => lower(&treated.texts, sql),
        "left_out" => {
            sql.push("jsonb_build_array(");
            for (at, name) in treated.dropped.iter().enumerate() {
                sql.push(if at == 0 { "" } else { ", " });
                spelled(name, sql);
            }
            sql.push(")");
        }
        "parent" => parent(part, table, sql),
        _ => {}
    }
}

fn parent(part: &Part<'_>, table: &Table<'_>, sql: &mut Sql) {
    let Some((child, above)) = table.path.split_first() else {
        sql.push("NULL");
        return;
    };
    sql.push("jsonb_build_object('table', ");
    spelled(above.first().map_or(&part.target.table, |parent| &parent.table), sql);
    sql.push(", 'on', jsonb_build_object(");
    for (at, (theirs, ours)) in child.on.iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " });
        spelled(theirs, sql);
        sql.push(", ");
        spelled(ours, sql);
    }
    sql.push("))");
}

/// Whether the table, and all on its way up, are there.
fn is_there(part: &Part<'_>, table: &Table<'_>, sql: &mut Sql) {
    let above = table.path.iter().skip(1).map(|child| &child.table);
    for name in [table.name, &part.target.table].into_iter().chain(above) {
        sql.push("to_regclass('");
        part.table(name, sql);
        sql.push("') IS NOT NULL AND ");
    }
    sql.push("true");
}

/// What a backup has of a table, and the backup itself where it is missing.
pub(super) const KEEP: &str = "    tk_there[{number}] := {is_there};
    IF tk_there[{number}] THEN
      SELECT string_agg(quote_ident(attname) || ', ', '' ORDER BY attnum),
        string_agg(CASE WHEN NOT is_hashed THEN 'gone.' || quote_ident(attname)
          WHEN atttypid = CAST('bytea' AS regtype) THEN 'encode(sha256(gone.' || quote_ident(attname) || '), ''hex'')'
          WHEN lower(attname) IN (''{texts}) THEN 'CASE WHEN gone.' || quote_ident(attname) || ' = '''' THEN '''' ELSE '
            || 'encode(sha256(convert_to(CAST(gone.' || quote_ident(attname) || ' AS text), ''UTF8'')), ''hex'') END'
          ELSE 'encode(sha256(convert_to(CAST(gone.' || quote_ident(attname) || ' AS text), ''UTF8'')), ''hex'')' END || ', ',
          '' ORDER BY attnum),
        string_agg(CASE WHEN is_hashed THEN 'CAST(NULL AS varchar(64)) AS ' ELSE '' END || quote_ident(attname) || ', ',
          '' ORDER BY attnum),
        jsonb_build_object('schema', {schema}, 'table', {table_text},
          'columns', COALESCE(jsonb_agg(attname ORDER BY attnum) FILTER (WHERE NOT is_hashed), jsonb_build_array()),
          'hashed', COALESCE(jsonb_agg(attname ORDER BY attnum) FILTER (WHERE is_hashed), jsonb_build_array()),
          'dropped', {left_out}, 'parent', {parent})
      INTO tk_columns, tk_text, tk_form, tk_step
      FROM (SELECT *, lower(attname) IN (''{hashed}) AS is_hashed FROM pg_attribute
        WHERE attrelid = to_regclass('{table}') AND attnum > 0 AND NOT attisdropped
        AND lower(attname) NOT IN (''{dropped})) found;
      tk_names[{number}] := tk_columns;
      tk_values[{number}] := tk_text;
      tk_kept[{target}] := tk_kept[{target}] || tk_step;
      IF to_regclass('{backup}') IS NULL THEN
        EXECUTE 'CREATE TABLE {backup} AS SELECT ' || tk_form || 'CAST(NULL AS varchar(64)) AS tokenkeeper_run, '
          || 'CAST(NULL AS bigint) AS tokenkeeper_batch, CAST(NULL AS varchar(64)) AS tokenkeeper_reason, '
          || 'CAST(NULL AS timestamptz) AS tokenkeeper_deleted_at FROM {table} WHERE 1 = 0';
        EXECUTE 'CREATE INDEX ON {backup} (tokenkeeper_run, tokenkeeper_batch)';
      END IF;
      SELECT MIN(own.attname) INTO tk_found FROM pg_attribute own
      WHERE own.attrelid = to_regclass('{table}') AND own.attnum > 0 AND NOT own.attisdropped
      AND lower(own.attname) NOT IN (''{dropped})
      AND (own.attname !~ '^[A-Za-z_][A-Za-z0-9_]*$' OR NOT EXISTS (SELECT 1 FROM pg_attribute kept
        WHERE kept.attrelid = to_regclass('{backup}') AND kept.attname = own.attname AND NOT kept.attisdropped
        AND CASE WHEN lower(own.attname) IN (''{hashed})
          THEN format_type(kept.atttypid, NULL) ~ 'char|text' AND (kept.atttypmod = -1 OR kept.atttypmod >= 68)
          ELSE kept.atttypid = own.atttypid AND kept.atttypmod = own.atttypmod END));
      IF tk_found IS NOT NULL THEN
        RAISE EXCEPTION USING MESSAGE = 'the backup table {backup} has no column that takes the values of ' || tk_found
          || ': rename the table, and a new one is made';
      END IF;
    END IF;
";
