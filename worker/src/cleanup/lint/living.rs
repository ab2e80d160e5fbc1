//! Conditions that take what lives: by the wrong side of the clock, by lives that overflow or never end, by a refresh
//! token or a fresh code that nobody looked at.

mod lives;

use sqlparser::{
    ast::{BinaryOperator, Expr, Spanned},
    tokenizer::Location,
};

use super::{
    Findings,
    condition::{Literal, ways},
    finding::{Code, Finding},
    moment::{Sign, moment},
    statement::Statement,
    tables::Kind,
    variables::Variables,
    zone::times,
};

pub(super) fn check(statement: &Statement<'_>, variables: &Variables, findings: &mut Findings) {
    let Some(ways) = statement.tree.as_ref().and_then(ways) else { return };
    for way in &ways {
        let looked = Looked { statement, variables, way };
        looked.cutoffs(findings);
        looked.lives(findings);
        looked.refresh(findings);
        looked.codes(findings);
    }
}

/// One way in which a row may go.
struct Looked<'a> {
    statement: &'a Statement<'a>,
    variables: &'a Variables,
    way: &'a [Literal<'a>],
}

impl Looked<'_> {
    fn at(&self, expression: &Expr) -> Location {
        let at = expression.span().start;
        if at.line == 0 { self.statement.at() } else { at }
    }

    fn columns(&self, expression: &Expr) -> Vec<(String, Kind)> {
        times(expression, &self.statement.table, self.statement.dialect())
    }

    /// Whether the way has a comparison of times at all.
    fn has_age(&self) -> bool {
        self.way.iter().any(|literal| {
            matches!(literal.expression, Expr::BinaryOp { .. } | Expr::Between { .. })
                && !self.columns(literal.expression).is_empty()
        })
    }

    fn cutoffs(&self, findings: &mut Findings) {
        for literal in self.way {
            let Some((column, is_older, cutoff)) = self.cutoff(literal) else { continue };
            let Some(read) = moment(cutoff, self.variables) else { continue };
            let written = literal.expression.to_string();
            if is_older && read.shift == Some(Sign::Ahead) {
                let what = format!("the cut-off lies ahead of now: {}", shown(cutoff, &read.text));
                findings.add(
                    Finding::new(Code::CutoffAhead, read.span.start, what)
                        .why("tokens that still live for as long are deleted; a grace is taken from now, not added to it")
                        .mended(shown(cutoff, &read.text).replacen('+', "-", 1)),
                );
            } else if !is_older && read.shift != Some(Sign::Behind) && !self.has_older() {
                let what = format!("{written}: rows go whose {column} is still to come");
                findings.add(
                    Finding::new(Code::DeletesLiving, self.at(literal.expression), what)
                        .why("what is deleted are the tokens that live, and the dead ones stay")
                        .mended(turned(&written)),
                );
            }
        }
    }

    fn has_older(&self) -> bool {
        let is_older =
            |literal: &Literal<'_>| self.cutoff(literal).is_some_and(|(_, is_older, _)| is_older);
        self.way.iter().any(is_older)
    }

    /// A column of time, whether it must be older, and than what.
    fn cutoff<'b>(&self, literal: &Literal<'b>) -> Option<(String, bool, &'b Expr)> {
        use BinaryOperator::{Gt, GtEq, Lt, LtEq};
        let Expr::BinaryOp { left, op, right } = literal.expression else { return None };
        let is_less = match op {
            Lt | LtEq => true,
            Gt | GtEq => false,
            _ => return None,
        };
        let (of_left, of_right) = (self.columns(left), self.columns(right));
        let is_time =
            |of: &[(String, Kind)]| of.iter().find(|(_, kind)| *kind != Kind::Length).cloned();
        match (is_time(&of_left), is_time(&of_right)) {
            (Some((column, _)), None) => Some((column, is_less != literal.is_negated, right)),
            (None, Some((column, _))) => Some((column, is_less == literal.is_negated, left)),
            _ => None,
        }
    }

    fn refresh(&self, findings: &mut Findings) {
        let needed = self.statement.table.refresh_columns();
        if needed.is_empty() || !(self.has_age() || self.names_state()) {
            return;
        }
        let text =
            self.way.iter().map(|literal| literal.expression.to_string().to_ascii_lowercase());
        let is_looked_at =
            text.clone().any(|text| needed.iter().any(|column| text.contains(column)));
        // A variable or joined table may hold it.
        if is_looked_at || text.clone().any(|text| text.contains("refresh")) {
            return;
        }
        let table = &self.statement.table;
        let states = self.states();
        let living: Vec<_> = match &states {
            Some(states) => states
                .iter()
                .filter(|state| !table.may_ignore_refresh(Some(state)))
                .cloned()
                .collect(),
            None if table.may_ignore_refresh(None) => return,
            None => vec!["of any state".to_owned()],
        };
        if let Some(state) = living.first() {
            let at =
                self.way.first().map_or(self.statement.at(), |literal| self.at(literal.expression));
            let what = format!("rows go ({state}) whatever becomes of their refresh token");
            let columns = needed.join(" and ");
            findings.add(
                Finding::new(Code::RefreshIgnored, at, what)
                    .why("a row holds the refresh token too, which lives longer and is still accepted: its user must log in again")
                    .mended(format!("… AND the refresh token has ended (by {columns}); without that only states in which it is taken no more")),
            );
        }
    }

    fn names_state(&self) -> bool {
        let state = self.statement.table.target().and_then(|target| target.state.as_ref());
        state.is_some_and(|state| {
            let state = state.as_str().to_ascii_lowercase();
            self.way
                .iter()
                .any(|literal| literal.expression.to_string().to_ascii_lowercase().contains(&state))
        })
    }

    /// The states that the way is about; nothing where it is about any.
    fn states(&self) -> Option<Vec<String>> {
        let state = self.statement.table.target().and_then(|target| target.state.as_ref());
        let is_state = |expression: &Expr| {
            let name = expression.to_string();
            let name =
                name.rsplit('.').next().unwrap_or_default().trim_matches(['"', '`', '[', ']']);
            state.map_or(STATES.contains(&name.to_ascii_lowercase().as_str()), |state| {
                name.eq_ignore_ascii_case(state.as_str())
            })
        };
        let plain =
            |value: &Expr| value.to_string().trim_start_matches('N').trim_matches('\'').to_owned();
        self.way.iter().filter(|literal| !literal.is_negated).find_map(|literal| {
            match literal.expression {
                Expr::BinaryOp { left, op: BinaryOperator::Eq, right } if is_state(left) => {
                    Some(vec![plain(right)])
                }
                Expr::InList { expr, list, negated: false } if is_state(expr) => {
                    Some(list.iter().map(plain).collect())
                }
                _ => None,
            }
        })
    }

    fn codes(&self, findings: &mut Findings) {
        let has_state = self
            .states()
            .is_some_and(|states| !states.iter().any(|state| state.eq_ignore_ascii_case("ACTIVE")));
        if !self.statement.table.is_codes || self.has_age() || has_state {
            return;
        }
        for literal in self.way {
            let written = literal.expression.to_string();
            let is_orphan = match literal.expression {
                Expr::IsNull(of) => {
                    !literal.is_negated && of.to_string().to_ascii_lowercase().contains("token")
                }
                Expr::Exists { negated, .. } => {
                    *negated != literal.is_negated && written.to_ascii_lowercase().contains("token")
                }
                _ => false,
            };
            if is_orphan {
                findings.add(
                    Finding::new(Code::FreshCodes, self.at(literal.expression), format!("{written}, and no look at the code's age"))
                        .why("a code that was issued a moment ago has no token yet: it is deleted before its client redeems it, and the login fails")
                        .mended(format!("… AND the code has expired (its creation and validity before {})", super::zone::utc(self.statement.dialect()))),
                );
            }
        }
    }
}

fn shown(cutoff: &Expr, clock: &str) -> String {
    let text = cutoff.to_string();
    if text.to_ascii_uppercase().contains(&clock.to_ascii_uppercase()) {
        text
    } else {
        format!("{text} ({clock} + …)")
    }
}

/// The comparison the other way round.
fn turned(comparison: &str) -> String {
    if comparison.contains('>') {
        comparison.replacen('>', "<", 1)
    } else {
        comparison.replacen('<', ">", 1)
    }
}

const STATES: [&str; 4] = ["state", "status", "token_state", "token_status"];
