//! What the database says of its tables: columns, keys, foreign keys, indexes.

use tokenkeeper_shared::store::StoreError;

use crate::cleanup::{
    database::{Database, Texts},
    dialect::Dialect,
    policy::{Case, Identifier},
    sql::{Bind, Sql},
};

/// A table that the catalog is asked about, as the database spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    schema: Option<String>,
    table: String,
    quoted: String,
}

impl TableName {
    /// The name of a policy's table on this database.
    #[must_use]
    pub fn new(
        schema: Option<&Identifier>,
        table: &Identifier,
        dialect: Dialect,
        case: Case,
    ) -> Self {
        let mut quoted = Sql::new(dialect, case);
        quoted.table(schema, table);
        Self {
            schema: schema.map(|schema| schema.spelled(dialect, case)),
            table: table.spelled(dialect, case),
            quoted: quoted.text().to_owned(),
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnType {
    /// Its name.
    pub name: String,
    /// Its type, in the database's words, in lower case.
    pub sql_type: String,
}

/// One column pair of a foreign key that refers to a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The table that refers.
    pub table: String,
    /// Its column.
    pub column: String,
    /// The column that it refers to.
    pub refers_to: String,
    /// Whether the database deletes the referring rows by itself.
    pub cascades: bool,
}

/// An index's columns, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexColumns(pub Vec<String>);

impl Database {
    /// A table's columns; none: there is no such table, or it may not be seen.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn columns(&self, of: &TableName) -> Result<Vec<ColumnType>, StoreError> {
        let rows = self.ask(COLUMNS, of).await?;
        let column = |mut row: Texts| ColumnType {
            name: taken(&mut row, 0),
            sql_type: taken(&mut row, 1).to_lowercase(),
        };
        Ok(rows.into_iter().map(column).collect())
    }

    /// The columns that the database computes by itself, and takes no values for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn generated(&self, of: &TableName) -> Result<Vec<String>, StoreError> {
        let rows = self.ask(GENERATED, of).await?;
        Ok(rows.into_iter().map(|mut row| taken(&mut row, 0)).collect())
    }

    /// The columns of a table's primary key, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn primary_key(&self, of: &TableName) -> Result<Vec<String>, StoreError> {
        let rows = self.ask(PRIMARY_KEY, of).await?;
        Ok(rows.into_iter().map(|mut row| taken(&mut row, 0)).collect())
    }

    /// The foreign keys that refer to a table.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn references(&self, of: &TableName) -> Result<Vec<Reference>, StoreError> {
        let rows = self.ask(REFERENCES, of).await?;
        let reference = |mut row: Texts| Reference {
            table: taken(&mut row, 0),
            column: taken(&mut row, 1),
            refers_to: taken(&mut row, 2),
            cascades: taken(&mut row, 3).eq_ignore_ascii_case("cascade"),
        };
        Ok(rows.into_iter().map(reference).collect())
    }

    /// A table's indexes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn indexes(&self, of: &TableName) -> Result<Vec<IndexColumns>, StoreError> {
        let rows = self.ask(INDEXES, of).await?;
        let columns = |mut row: Texts| taken(&mut row, 0).split(',').map(str::to_owned).collect();
        Ok(rows.into_iter().map(|row| IndexColumns(columns(row))).collect())
    }

    async fn ask(
        &self,
        questions: [Question; 3],
        of: &TableName,
    ) -> Result<Vec<Texts>, StoreError> {
        let mut sql = Sql::new(self.dialect(), Case::Exact);
        let text = |text: &String| Bind::Text(text.clone());
        match self.dialect() {
            Dialect::Postgres => {
                sql.push(questions[0].0).bind(text(&of.quoted)).push(questions[0].1)
            }
            Dialect::MySql => {
                let (before, after) = questions[1];
                sql.push(before);
                match &of.schema {
                    Some(schema) => sql.bind(text(schema)),
                    None => sql.push("DATABASE()"),
                };
                sql.push(" AND table_of = ").bind(text(&of.table)).push(after)
            }
            _ => sql.push(questions[2].0).bind(text(&of.table)).push(questions[2].1),
        };
        self.rows(&sql).await
    }
}

fn taken(row: &mut Texts, at: usize) -> String {
    row.get_mut(at).and_then(Option::take).unwrap_or_default()
}

/// A statement around the table's name.
type Question = (&'static str, &'static str);

const COLUMNS: [Question; 3] = [
    (
        "SELECT CAST(attname AS text), format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass(",
        ") AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
    ),
    (
        "SELECT CAST(name_of AS CHAR), CAST(type_of AS CHAR) FROM (SELECT column_name name_of, column_type type_of, \
         table_schema schema_of, table_name table_of, ordinal_position at FROM information_schema.columns) c WHERE schema_of = ",
        " ORDER BY at",
    ),
    ("SELECT name, type FROM pragma_table_info(", ") ORDER BY cid"),
];

const GENERATED: [Question; 3] = [
    (
        "SELECT CAST(attname AS text) FROM pg_attribute WHERE attrelid = to_regclass(",
        ") AND attnum > 0 AND NOT attisdropped AND attgenerated <> ''",
    ),
    (
        "SELECT CAST(name_of AS CHAR) FROM (SELECT column_name name_of, generation_expression made_of, table_schema schema_of, \
         table_name table_of FROM information_schema.columns) c WHERE schema_of = ",
        " AND made_of <> ''",
    ),
    ("SELECT name FROM pragma_table_xinfo(", ") WHERE hidden IN (2, 3)"),
];

const PRIMARY_KEY: [Question; 3] = [
    (
        "SELECT CAST(a.attname AS text) FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(number, at) \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number WHERE i.indisprimary AND i.indrelid = to_regclass(",
        ") ORDER BY k.at",
    ),
    (
        "SELECT CAST(name_of AS CHAR) FROM (SELECT column_name name_of, table_schema schema_of, table_name table_of, \
         seq_in_index at FROM information_schema.statistics WHERE index_name = 'PRIMARY') s WHERE schema_of = ",
        " ORDER BY at",
    ),
    ("SELECT name FROM pragma_table_info(", ") WHERE pk > 0 ORDER BY pk"),
];

const REFERENCES: [Question; 3] = [
    (
        "SELECT CAST(r.relname AS text), CAST(mine.attname AS text), CAST(theirs.attname AS text), \
         CASE c.confdeltype WHEN 'c' THEN 'cascade' ELSE 'no' END \
         FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid \
         CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY k(mine, theirs, at) \
         JOIN pg_attribute mine ON mine.attrelid = c.conrelid AND mine.attnum = k.mine \
         JOIN pg_attribute theirs ON theirs.attrelid = c.confrelid AND theirs.attnum = k.theirs \
         WHERE c.contype = 'f' AND c.conparentid = 0 AND c.confrelid = to_regclass(",
        ") ORDER BY r.relname, c.conname, k.at",
    ),
    (
        "SELECT CAST(child AS CHAR), CAST(name_of AS CHAR), CAST(theirs AS CHAR), CAST(rule AS CHAR) FROM (\
         SELECT k.table_name child, k.column_name name_of, k.referenced_column_name theirs, r.delete_rule rule, \
         k.referenced_table_schema schema_of, k.referenced_table_name table_of, k.constraint_name named, k.ordinal_position at \
         FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r \
         ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name) f \
         WHERE schema_of = ",
        " ORDER BY child, named, at",
    ),
    (
        "SELECT m.name, f.`from`, COALESCE(f.`to`, 'rowid'), f.on_delete FROM sqlite_master m, \
         pragma_foreign_key_list(m.name) f WHERE m.type = 'table' AND lower(f.`table`) = lower(",
        ") ORDER BY m.name, f.id, f.seq",
    ),
];

const INDEXES: [Question; 3] = [
    (
        "SELECT string_agg(a.attname, ',' ORDER BY k.at) FROM pg_index i \
         CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k(number, at) \
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
         WHERE i.indisvalid AND i.indpred IS NULL AND i.indrelid = to_regclass(",
        ") GROUP BY i.indexrelid",
    ),
    (
        "SELECT CAST(GROUP_CONCAT(name_of ORDER BY at) AS CHAR) FROM (SELECT column_name name_of, table_schema schema_of, \
         table_name table_of, index_name named, seq_in_index at FROM information_schema.statistics) s WHERE schema_of = ",
        " GROUP BY named",
    ),
    (
        "SELECT (SELECT group_concat(name) FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY seqno)) \
         FROM pragma_index_list(",
        ") l WHERE l.partial = 0",
    ),
];
