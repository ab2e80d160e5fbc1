use super::*;
use crate::cleanup::{
    cutoff::DatabaseClock,
    dialect::Dialect,
    policy::{Policy, shipped},
    sql::Sql,
};

const EACH: [Dialect; 5] =
    [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql, Dialect::SqlServer, Dialect::Oracle];

fn rendered(policy: &Policy, target: &Target, dialect: Dialect) -> Sql {
    let clock = DatabaseClock::new("2026-07-01T12:00:00.250Z".parse().unwrap(), 0);
    let mut sql = Sql::new(dialect, policy.case);
    doomed(target).render(&mut sql, &clock);
    sql
}

#[test]
fn each_policy_speaks_each_dialect_with_values_bound_and_parentheses_closed() {
    for policy in shipped().unwrap().values() {
        for (target, dialect) in policy.targets.iter().flat_map(|t| EACH.map(|d| (t, d))) {
            let sql = rendered(policy, target, dialect);
            let text = sql.text();
            let count = |c| text.matches(c).count();
            assert_eq!(count('('), count(')'), "{text}");
            assert!(!text.contains("ACTIVE") && !text.contains("2026"), "{text}");
            let marks = match dialect {
                Dialect::Sqlite | Dialect::MySql => count('?'),
                Dialect::Postgres => count('$'),
                Dialect::SqlServer => text.matches("@P").count(),
                Dialect::Oracle => text
                    .match_indices(':')
                    .filter(|(at, _)| {
                        text[at + 1..].starts_with(|c: char| c.is_ascii_digit())
                            && !text[..*at].ends_with(|c: char| c.is_ascii_digit())
                    })
                    .count(),
            };
            assert_eq!(marks, sql.binds().len(), "{text}");
        }
    }
}

#[test]
fn a_length_of_life_is_compared_with_an_age_and_never_added() {
    let policies = shipped().unwrap();
    let policy = &policies["wso2-token"];
    for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::MySql, Dialect::SqlServer] {
        let text = rendered(policy, &policy.targets[0], dialect).text().to_owned();
        // MySQL rounds microseconds up.
        assert!(!text.replace(" + 999)", ")").contains(" + "), "{text}");
    }
}

#[test]
fn one_rule_reads_as_it_should() {
    let policies = shipped().unwrap();
    let policy = &policies["edfi-ods"];
    let sql = rendered(policy, &policy.targets[0], Dialect::Postgres);
    let column = "\"clientaccesstokens\".\"expiration\"";
    assert_eq!(
        sql.text(),
        format!(
            "((({column} > (SELECT CAST($1 AS timestamp)) AND {column} < (SELECT CAST($2 AS timestamp)))))"
        )
    );
    let cut = crate::cleanup::sql::Bind::Text("2026-07-01 11:55:00.250".into());
    assert_eq!(sql.binds()[1], cut);
}
