//! A plan in words.

use super::{Plan, Problem, TargetPlan};

impl Plan {
    /// The plan, for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} on {}, at {}", self.policy, self.database, self.now)];
        lines.extend(refused(&self.problems, "  "));
        for target in &self.targets {
            lines.extend(target.lines());
        }
        lines.extend(
            self.other_cleaners.iter().map(|cleaner| format!("  also cleans here: {cleaner}")),
        );
        lines
    }
}

impl TargetPlan {
    fn lines(&self) -> Vec<String> {
        if !self.is_present && self.problems.is_empty() {
            return vec![format!("  {} ({}): not there", self.target, self.table)];
        }
        let counted = format!("{} of {} rows may go", self.doomed(), self.rows);
        let mut lines = vec![format!("  {} ({}): {counted}", self.target, self.table)];
        lines.extend(refused(&self.problems, "    "));
        for reason in &self.reasons {
            for of in &reason.states {
                let state = of.state.as_deref().unwrap_or("any state");
                let times = of
                    .oldest
                    .iter()
                    .zip(&of.newest)
                    .map(|(oldest, newest)| format!(", {oldest} to {newest}"));
                let times: String = times.collect();
                lines.push(format!("    {} [{state}]: {} rows{times}", reason.reason, of.rows));
            }
            lines.push(format!("    {}: cut-off {} UTC", reason.reason, reason.cut_off));
        }
        let children = self.children.iter().filter(|child| child.rows > 0);
        lines.extend(
            children.map(|child| format!("    with them {} rows of {}", child.rows, child.table)),
        );
        lines.extend(self.estimate.iter().map(|estimate| format!("    {}", estimate.line())));
        if !self.sample_keys.is_empty() {
            lines.push(format!("    keys, hashed: {}", self.sample_keys.join(" ")));
        }
        lines.extend(self.missing_indexes.iter().map(|sql| format!("    would help: {sql}")));
        if !self.sql.is_empty() {
            lines.push(format!("    {}", self.sql));
            lines.push(format!("    with {}", self.binds.join(", ")));
        }
        lines.extend(self.explanation.iter().map(|line| format!("    | {line}")));
        lines
    }
}

fn refused<'a>(problems: &'a [Problem], indent: &'a str) -> impl Iterator<Item = String> + 'a {
    problems.iter().map(move |problem| format!("{indent}refused: {}", problem.0))
}
