//! Jobs: schedules attached to others, jobs deleted to be made anew, and batches of a client (`GO`) that belong
//! together.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{
    Findings,
    finding::{Code, Finding, Note},
    unit::Unit,
    variables::Variables,
    words::{Name, is, is_any, is_sign, place, word},
};
use crate::cleanup::dialect::Dialect;

pub(super) fn check(units: &[Unit], variables: &Variables, findings: &mut Findings) {
    let made = made(units, variables);
    for unit in units {
        attached(unit, &made, variables, findings);
        replaced(unit, findings);
        if unit.dialect == Some(Dialect::SqlServer)
            || (0..unit.tokens.len()).any(|at| is(&unit.tokens, at, "GOTO"))
        {
            batches(&unit.tokens, findings);
        }
    }
}

/// The text of a procedure's argument.
fn argument<'a>(
    tokens: &'a [TokenWithSpan],
    at: usize,
    name: &str,
    variables: &'a Variables,
) -> Option<&'a str> {
    let near = at + 1..tokens.len().min(at + FAR);
    let mut near = near.take_while(|at| {
        !is_any(tokens, *at, &["EXEC", "EXECUTE", "GO"]) && tokens[*at].token != Token::SemiColon
    });
    let argument = near.find(|at| is(tokens, *at, name) && is_sign(tokens, at + 1, &Token::Eq))?;
    variables.text(tokens, argument + 2)
}

/// The names of the jobs that a page makes; nothing for one that cannot be read.
fn made<'a>(units: &'a [Unit], variables: &'a Variables) -> Vec<Option<&'a str>> {
    let of = |unit: &'a Unit| {
        let adds = (0..unit.tokens.len()).filter(|at| is(&unit.tokens, *at, "sp_add_job"));
        adds.map(|at| argument(&unit.tokens, at, "@job_name", variables))
    };
    units.iter().flat_map(of).take(MOST_JOBS).collect()
}

fn attached(unit: &Unit, made: &[Option<&str>], variables: &Variables, findings: &mut Findings) {
    let tokens = &unit.tokens;
    let attaches = |at: &usize| {
        is_any(
            tokens,
            *at,
            &["sp_attach_schedule", "sp_add_jobschedule", "sp_add_jobstep", "sp_add_jobserver"],
        )
    };
    for at in (0..tokens.len()).filter(attaches) {
        let Some(job) = argument(tokens, at, "@job_name", variables) else { continue };
        // A name that cannot be read may be this one.
        if made.iter().any(|made| made.is_none_or(|made| made.eq_ignore_ascii_case(job))) {
            continue;
        }
        let schedule = argument(tokens, at, "@schedule_name", variables).unwrap_or("the schedule");
        if made.is_empty() && (!is(tokens, at, "sp_attach_schedule") || is_about_tokens(job)) {
            findings.note(Note::new(place(tokens, at), format!("the job {job} is not made here")));
            continue;
        }
        let meant = made.iter().flatten().next().copied().unwrap_or("the job that cleans");
        let found = Finding::new(Code::OtherJob, place(tokens, at), format!("{schedule} is attached to the job {job}, which this script does not make"))
            .why("that job runs at these times, or there is none of that name and the call fails; the clean-up itself never runs")
            .mended(format!("@job_name = N'{meant}', made by sp_add_job, sp_add_jobstep and sp_add_jobserver before"));
        findings.add(found);
    }
}

fn is_about_tokens(job: &str) -> bool {
    let job = job.to_ascii_lowercase();
    ["clean", "token", "purge", "session", "expire", "prune"].iter().any(|word| job.contains(word))
}

/// A job that is deleted by its name, and made again.
fn replaced(unit: &Unit, findings: &mut Findings) {
    let tokens = &unit.tokens;
    let adds = (0..tokens.len()).any(|at| is(tokens, at, "sp_add_job"));
    let inserts =
        (0..tokens.len()).any(|at| is(tokens, at, "INTO") && is_table(tokens, at + 1, "pga_job"));
    for at in 0..tokens.len() {
        let of_agent = is(tokens, at, "sp_delete_job") && adds;
        let of_pgagent = is(tokens, at, "DELETE")
            && is(tokens, at + 1, "FROM")
            && is_table(tokens, at + 2, "pga_job")
            && inserts;
        if of_agent || of_pgagent {
            let found = Finding::new(Code::JobReplaced, place(tokens, at), "a job of this name is deleted, and made anew")
                .why("what an operator has changed of it (times, login, notifications, whether it is on) is lost without a word, and so is the record of its runs")
                .mended("make it only where it is not there (IF NOT EXISTS), and change its step where it is: sp_update_jobstep, UPDATE pgagent.pga_jobstep");
            findings.add(found);
        }
    }
}

fn is_table(tokens: &[TokenWithSpan], at: usize, name: &str) -> bool {
    Name::read(tokens, at).is_some_and(|read| read.last().eq_ignore_ascii_case(name))
}

/// What is wrong across `GO`.
fn batches(tokens: &[TokenWithSpan], findings: &mut Findings) {
    let batches: Vec<_> = tokens.split(|token| matches!(&token.token, Token::Word(word) if word.value.eq_ignore_ascii_case("GO"))).take(MOST_JOBS).collect();
    for (number, batch) in batches.iter().enumerate() {
        gotos(batch, &batches, findings);
        let Some(begin) = (0..batch.len())
            .find(|at| is(batch, *at, "BEGIN") && is_any(batch, at + 1, &["TRAN", "TRANSACTION"]))
        else {
            continue;
        };
        let ends = |batch: &[TokenWithSpan]| {
            (0..batch.len()).any(|at| is_any(batch, at, &["COMMIT", "ROLLBACK"]))
        };
        if !ends(batch) && batches[number + 1..].iter().any(|batch| ends(batch)) {
            let found = Finding::new(Code::SplitTransaction, place(batch, begin), "a transaction begins in this batch and ends in another, behind GO")
                .why("an error ends its batch only, and the client goes on with the next: that one then runs outside of the transaction or in a broken one, and its COMMIT or GOTO to a ROLLBACK meets none, or leaves it open with its locks")
                .mended("BEGIN TRANSACTION, TRY … COMMIT and CATCH … ROLLBACK in one batch, without GO between");
            findings.add(found);
        }
    }
}

fn gotos(batch: &[TokenWithSpan], batches: &[&[TokenWithSpan]], findings: &mut Findings) {
    let has = |batch: &[TokenWithSpan], label: &str| {
        (0..batch.len()).any(|at| is(batch, at, label) && is_sign(batch, at + 1, &Token::Colon))
    };
    for at in (0..batch.len()).filter(|at| is(batch, *at, "GOTO")).take(MOST_JOBS) {
        let Some(label) = word(batch, at + 1) else { continue };
        if !has(batch, label) && batches.iter().any(|other| has(other, label)) {
            let found = Finding::new(Code::GotoOtherBatch, place(batch, at), format!("GOTO {label}, a label behind another GO"))
                .why("labels end with their batch: the batch is refused (error 133), and nothing of it runs")
                .mended("the label in the same batch, or TRY … CATCH");
            findings.add(found);
        }
    }
}

/// No page has more, and each is compared with others.
const MOST_JOBS: usize = 100;
/// A call has no more arguments.
const FAR: usize = 200;
