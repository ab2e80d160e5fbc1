//! Rows by the hundred thousand, in clear, by one statement. The ids ascend, as the worker's own do;
//! the due times lie scattered.

use std::ops::Range;

use crate::suites::harness::databases::Kind;

/// Rows named by a prefix and a number.
pub struct ManyRows<'s> {
    pub prefix: &'s str,
    pub numbers: Range<u32>,
    /// `ok` with both tokens, or `new` without.
    pub state: &'s str,
    /// The due times: milliseconds since 1970, and the length of the stretch they lie in.
    pub due: i64,
    pub over: i64,
}

impl ManyRows<'_> {
    pub fn insert(&self, kind: Kind) -> String {
        let Self { prefix, state, due, over, .. } = self;
        let (with, source) = self.numbers(kind);
        let (id, number, token) = match kind {
            Kind::Sqlite => {
                ("unhex(printf('%032x', {n}))", "printf('%07d', n)", "hex(zeroblob(100))")
            }
            Kind::Postgres => {
                ("lpad(to_hex({n}), 32, '0')::uuid", "lpad(n::text, 7, '0')", "repeat('0', 200)")
            }
            Kind::MySql => {
                ("UNHEX(LPAD(HEX({n}), 32, '0'))", "LPAD(n, 7, '0')", "REPEAT('0', 200)")
            }
        };
        // Rows of different prefixes must not share ids.
        let offset = prefix.bytes().map(u64::from).sum::<u64>() << 32;
        let id = id.replace("{n}", &format!("n + {offset}"));
        let token = if *state == "new" { "NULL" } else { token };
        format!(
            "INSERT INTO tokens (id, name, provider, state, generation, access_token, token_type, \
             access_token_expires, refresh_token, refresh_at, updating, uncertain_tries, failures, \
             created_at, updated_at) {with} \
             SELECT {id}, CONCAT('{prefix}-', {number}), 'quartile', '{state}', 0, {token}, 'Bearer', \
             {due} + {over}, {token}, {due} + n * 7919 % {over}, FALSE, 0, 0, {due}, {due} \
             FROM {source}"
        )
    }

    /// Where the numbers come from: what stands before SELECT, and behind FROM.
    fn numbers(&self, kind: Kind) -> (String, String) {
        let (first, last) = (self.numbers.start, self.numbers.end - 1);
        match kind {
            Kind::Sqlite => (
                format!(
                    "WITH RECURSIVE numbers (n) AS \
                     (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})"
                ),
                "numbers".to_owned(),
            ),
            Kind::Postgres => {
                (String::new(), format!("generate_series({first}::bigint, {last}) AS numbers (n)"))
            }
            Kind::MySql => {
                (String::new(), format!("(SELECT seq AS n FROM seq_{first}_to_{last}) AS numbers"))
            }
        }
    }
}

/// What the planner and the cleaner would do by themselves in the next minutes.
pub fn settle(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite => "ANALYZE",
        Kind::Postgres => "VACUUM ANALYZE tokens",
        Kind::MySql => "ANALYZE TABLE tokens",
    }
}
