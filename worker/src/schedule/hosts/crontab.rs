//! A job as a line for cron, between two marks. Debian's cron knows no zone but the host's, so that is all there is.

use super::{MARK, Unfit, fields::Fields, job::Job};
use crate::schedule::shell;

/// The lines of a job for the table of a user.
///
/// # Errors
/// [`Unfit`] when five fields, or cron, cannot say it.
pub fn lines(job: &Job) -> Result<String, Unfit> {
    lines_as(job, "")
}

/// A whole file for `/etc/cron.d`, where each line names its user.
///
/// # Errors
/// As [`lines`].
pub fn file(jobs: &[Job], user: &str) -> Result<String, Unfit> {
    let blocks: Vec<String> =
        jobs.iter().map(|job| lines_as(job, &format!("{user} "))).collect::<Result<_, _>>()?;
    Ok(format!(
        "# {MARK} cron\n# The file must be root's, 0644, and its name without a point, or cron passes over it.\n{}",
        blocks.concat()
    ))
}

fn lines_as(job: &Job, user: &str) -> Result<String, Unfit> {
    if job.is_daemon() {
        return Err(Unfit(
            "cron starts nothing that stays: use `schedule systemd --daemon`".to_owned(),
        ));
    }
    let fields = Fields::of(&job.at)?.five()?;
    let words: Vec<String> =
        job.command().iter().map(|text| word(text)).collect::<Result<_, _>>()?;
    let [begin, end] = marks(&job.name);
    Ok(format!(
        "{begin}\n\
         # {}, on the host's clock: cron has no zones (CRON_TZ is cronie's, and nothing to Debian's cron).\n\
         # Silent when all is well; what it says otherwise cron mails. Two at once do no harm: the database sees to it.\n\
         # cron's variables are few: name databases, keys and secrets in the configuration file.\n\
         {fields} {user}{} >/dev/null\n{end}\n",
        job.description(),
        words.join(" ")
    ))
}

/// The table with these lines in place of the job's old ones, or behind all that is there.
///
/// # Errors
/// [`Unfit`] when somebody has damaged the marks: what lies between them is not known then.
pub fn with(table: &str, job: &Job, lines: &str) -> Result<String, Unfit> {
    let (before, _, after) = parts(table, &job.name)?;
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{before}{gap}{lines}{after}"))
}

/// The table without the job's lines.
///
/// # Errors
/// As [`with`].
pub fn without(table: &str, job: &Job) -> Result<String, Unfit> {
    parts(table, &job.name).map(|(before, _, after)| format!("{before}{after}"))
}

/// The job's lines, with their marks.
///
/// # Errors
/// As [`with`].
pub fn found<'a>(table: &'a str, job: &Job) -> Result<Option<&'a str>, Unfit> {
    parts(table, &job.name).map(|(_, ours, _)| ours)
}

fn marks(name: &str) -> [String; 2] {
    [format!("# {MARK} cron: begin {name}"), format!("# {MARK} cron: end {name}")]
}

fn parts<'a>(table: &'a str, name: &str) -> Result<(&'a str, Option<&'a str>, &'a str), Unfit> {
    let [begin, end] = marks(name).map(|mark| places(table, &mark));
    match (&begin[..], &end[..]) {
        ([], []) => Ok((table, None, "")),
        ([(from, _)], [(_, to)]) if from < to => {
            Ok((&table[..*from], Some(&table[*from..*to]), &table[*to..]))
        }
        _ => Err(Unfit(format!(
            "the marks around {name} are damaged, so nothing is changed: mend or remove them by `crontab -e`"
        ))),
    }
}

/// Where lines of this text begin, and where the next ones do.
fn places(table: &str, mark: &str) -> Vec<(usize, usize)> {
    let mut at = 0;
    let mut found = Vec::new();
    for line in table.split_inclusive('\n') {
        if line.trim_end() == mark {
            found.push((at, at + line.len()));
        }
        at += line.len();
    }
    found
}

/// One word for the shell; cron takes a `%` for a line end, also in quotes.
fn word(text: &str) -> Result<String, Unfit> {
    let quoted = shell::word(text)?;
    let is_plain = |sign: char| sign.is_ascii_alphanumeric() || "/._-=:@+,".contains(sign);
    if text.chars().all(is_plain) && !text.is_empty() {
        return Ok(text.to_owned());
    }
    Ok(quoted.replace('%', r"\%"))
}

#[cfg(test)]
mod tests;
