//! One program's output as another one's input: the databases' own programs read and write their dumps best.
//! Of what they say nothing is passed on that may hold a row's values.

use std::{env, io, path::PathBuf, process::Stdio};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

use super::NotRehearsed;

/// A program, about to run in an environment of its own: what this one was told in variables is not for
/// others.
pub(super) fn command(name: &str) -> Command {
    let mut command = Command::new(name);
    let passed = |name: &str| PASSED.contains(&name) || name.starts_with("PG");
    command.env_clear().envs(env::vars_os().filter(|(name, _)| name.to_str().is_some_and(passed)));
    // Its errors are looked into.
    command.env("LC_ALL", "C").stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The first of these programs that is in the path.
///
/// # Errors
/// `Refused`: none is.
pub(super) fn first_of(
    names: &[&'static str],
    package: &str,
) -> Result<&'static str, NotRehearsed> {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &&str| {
        env::split_paths(&path).map(|folder| folder.join(name)).any(|file: PathBuf| file.is_file())
    };
    names.iter().copied().find(is_there).ok_or_else(|| {
        let names = names.join(" or ");
        NotRehearsed::Refused(format!("{names} is not in the path: install {package}"))
    })
}

/// Runs both to the end. A caller that waits no longer ends both.
///
/// # Errors
/// `Refused`, with what the programs said, as far as it holds no values.
pub(super) async fn pipe(mut from: Command, mut into: Command) -> Result<(), NotRehearsed> {
    let (source, sink) = (name(&from), name(&into));
    let mut from = started(from.stdout(Stdio::piped()), &source)?;
    let output = from.stdout.take().map(TryInto::<Stdio>::try_into).transpose();
    let output = output.map_err(|error| failed(&source, &error))?.unwrap_or_else(Stdio::null);
    let mut into = started(into.stdin(output).stdout(Stdio::null()), &sink)?;
    let said = tokio::join!(heard(from.stderr.take()), heard(into.stderr.take()));
    let ended = tokio::join!(from.wait(), into.wait());
    let ended = (
        ended.0.map_err(|error| failed(&source, &error))?,
        ended.1.map_err(|error| failed(&sink, &error))?,
    );
    // A reader that gave up is why its writer did.
    if !ended.1.success() {
        return Err(refused(&sink, &code(&said.1)));
    }
    if !ended.0.success() {
        return Err(refused(&source, &reason(&said.0)));
    }
    Ok(())
}

fn started(command: &mut Command, name: &str) -> Result<tokio::process::Child, NotRehearsed> {
    command.stderr(Stdio::piped()).spawn().map_err(|error| failed(name, &error))
}

/// The beginning; the rest is read and thrown away, so that nobody waits.
async fn heard(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let (mut said, mut bytes) = (Vec::new(), vec![0; 4096]);
    while let Ok(length @ 1..) = pipe.read(&mut bytes).await {
        let room = MOST_HEARD.saturating_sub(said.len());
        said.extend(bytes.iter().take(length.min(room)));
    }
    String::from_utf8_lossy(&said).into_owned()
}

fn name(command: &Command) -> String {
    command.as_std().get_program().to_string_lossy().into_owned()
}

fn failed(name: &str, error: &io::Error) -> NotRehearsed {
    NotRehearsed::Refused(format!("{name} cannot be run: {error}"))
}

fn refused(name: &str, said: &str) -> NotRehearsed {
    NotRehearsed::Refused(format!("{name} failed: {said}{}", advice(said)))
}

/// What a dump failed with: it has read no rows by itself.
fn reason(said: &str) -> String {
    let lines = said.lines().filter(|line| line.contains("rror"));
    lines.take(1).map(|line| line.chars().take(LONGEST_LINE).collect::<String>()).collect()
}

/// Of what a load failed with the code alone: the words may hold a row's values.
fn code(said: &str) -> String {
    let error = said.split("ERROR").nth(1).unwrap_or_default();
    let word = error.trim_start_matches([':', ' ']).split_whitespace().next().unwrap_or_default();
    let is_code = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
    let fits = (1..=5).contains(&word.len()) && word.chars().all(is_code);
    if fits { format!("ERROR {word}") } else { "it gave no code".to_owned() }
}

fn advice(said: &str) -> &'static str {
    let found = ADVICE.iter().find(|(codes, _)| codes.iter().any(|code| said.contains(code)));
    found.map_or("", |(_, advice)| *advice)
}

/// What the programs find their own files by, and their helpers.
const PASSED: [&str; 5] = ["PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// By SQLSTATE of PostgreSQL, number of MySQL, or words.
const ADVICE: [(&[&str], &str); 5] = [
    (
        &["53100", "ERROR 1021", "ERROR 1114", "No space left"],
        ": the server's disk is full; make room for a second copy of the policy's tables",
    ),
    (&["42501", "permission denied", "1044", "1142", "1227"], ": grant this user what is missing"),
    (
        &["42704", "42883", "42P01"],
        ": a type, function or table that the policy's tables need is not copied with them; rehearse while nobody else \
         is connected to the database, then all of it is copied",
    ),
    (&["server version"], ": install the server's version of the programs, or a later one"),
    (&["Access denied", "password"], ": the programs log in with what the address says"),
];

const MOST_HEARD: usize = 16 * 1024;
const LONGEST_LINE: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_failed_load_the_code_is_told_and_no_value() {
        for (said, expected) in [
            ("psql:<stdin>:9: ERROR:  23505\n", "ERROR 23505"),
            ("ERROR:  duplicate key (canary)=(canary)", "it gave no code"),
            ("ERROR 1062 (23000) at line 5: Duplicate entry 'canary' for key", "ERROR 1062"),
            ("canary", "it gave no code"),
        ] {
            assert_eq!(code(said), expected, "{said}");
        }
    }

    #[test]
    fn a_full_disk_and_a_missing_right_are_told_with_what_to_do() {
        for (said, expected) in [
            ("ERROR 53100", "disk is full"),
            ("ERROR 1114", "disk is full"),
            ("pg_dump: error: query failed: ERROR:  permission denied for table t", "grant"),
            ("ERROR 42704", "nobody else is connected"),
            ("pg_dump: error: aborting because of server version mismatch", "version"),
        ] {
            assert!(advice(said).contains(expected), "{said}: {}", advice(said));
        }
    }
}
