//! Lengths of life: added up until they overflow, and taken by their number where they mean "never".

use std::collections::BTreeSet;

use sqlparser::{
    ast::{BinaryOperator, Expr},
    tokenizer::Location,
};

use super::Looked;
use crate::cleanup::lint::{
    Findings,
    finding::{Code, Finding},
    tables::Kind,
    zone::compares,
};

impl Looked<'_> {
    pub(super) fn lives(&self, findings: &mut Findings) {
        for literal in self.way {
            let Expr::BinaryOp { left, op, right } = literal.expression else { continue };
            if !compares(op) {
                continue;
            }
            let columns = self.columns(literal.expression);
            let length = columns.iter().find(|(_, kind)| *kind == Kind::Length);
            let beginning = columns.iter().find(|(_, kind)| *kind != Kind::Length);
            let (Some((length, _)), Some((beginning, _))) = (length, beginning) else { continue };
            let mut guards = self.guards(length);
            if !self.statement.table.has_huge(length) {
                guards.insert(Guard::Above);
            }
            let at = self.at(literal.expression);
            if !guards.contains(&Guard::Below) || !guards.contains(&Guard::Above) {
                findings.add(unguarded(at, length, &guards));
            }
            let is_sum = [left, right].iter().any(|side| {
                let of: BTreeSet<_> =
                    self.columns(side).into_iter().map(|(name, _)| name).collect();
                of.contains(length) && of.contains(beginning) && is_added(side)
            });
            if is_sum && !guards.contains(&Guard::Above) {
                findings.add(overflows(at, beginning, length));
            }
        }
    }

    /// What the way says of a length of life by itself.
    fn guards(&self, length: &str) -> BTreeSet<Guard> {
        use BinaryOperator::{Gt, GtEq, Lt, LtEq};
        let is_it = |expression: &Expr| {
            matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
                && self.columns(expression).iter().any(|(name, _)| name == length)
        };
        let mut guards = BTreeSet::new();
        for literal in self.way {
            match literal.expression {
                Expr::Between { expr, negated: false, .. } if is_it(expr) => {
                    guards.extend([Guard::Below, Guard::Above]);
                }
                Expr::BinaryOp { left, op, right } => {
                    let is_left = is_it(left) && self.columns(right).is_empty();
                    let is_right = is_it(right) && self.columns(left).is_empty();
                    let is_more = match op {
                        Gt | GtEq => true,
                        Lt | LtEq => false,
                        _ => continue,
                    };
                    if is_left || is_right {
                        let is_below = (is_more == is_left) != literal.is_negated;
                        guards.insert(if is_below { Guard::Below } else { Guard::Above });
                    }
                }
                _ => {}
            }
        }
        guards
    }
}

/// What is said of a length of life: that it is more than nothing, that it is less than "never".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Guard {
    Below,
    Above,
}

fn unguarded(at: Location, length: &str, guards: &BTreeSet<Guard>) -> Finding {
    let missing = match (guards.contains(&Guard::Below), guards.contains(&Guard::Above)) {
        (false, false) => "neither negative nor huge values are",
        (false, true) => "negative values are not",
        _ => "huge values are not",
    };
    Finding::new(Code::NeverExpires, at, format!("{length} says \"never\" by negative or huge values: {missing} kept out"))
        .why("a token that never expires has a negative life, so it seems to have ended before it began, and is deleted; a huge one overflows")
        .mended(format!("{length} >= 0 AND {length} < 99999999999990 AND …"))
}

fn overflows(at: Location, beginning: &str, length: &str) -> Finding {
    Finding::new(Code::SumOverflows, at, format!("{beginning} and {length} are added up"))
        .why("with the largest life that products write (9223372036854775807) the sum leaves the type: an error that ends the whole run, NULL, or a time long ago that has the row deleted")
        .mended(format!("{length} < cut-off - {beginning}"))
}

/// Whether something is added in an expression.
fn is_added(expression: &Expr) -> bool {
    let text = expression.to_string().to_ascii_uppercase();
    text.contains('+')
        || ["DATE_ADD", "DATEADD", "TIMESTAMPADD", "ADDDATE"].iter().any(|name| text.contains(name))
}
