//! Parsers of SQL that nobody here wrote: sqlglot and sqlfluff, by `tests/python/scripts.py`.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

/// What they say of each job, in the jobs' order.
pub fn python(mode: &str, jobs: Vec<Value>) -> Vec<Value> {
    let asked = jobs.len();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python");
    let python = folder.join("venv/bin/python");
    assert!(python.is_file(), "sqlglot is not installed: call tests/run, which runs pip");
    let mut program = Command::new(python);
    program.arg(folder.join("scripts.py")).arg(mode).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = program.spawn().unwrap();
    child.stdin.take().unwrap().write_all(Value::from(jobs).to_string().as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{mode}: {}: see what it has said on stderr", done.status);
    let said: Vec<Value> = serde_json::from_slice(&done.stdout).unwrap();
    // Whoever goes through both side by side would pass over what has no answer.
    assert_eq!(said.len(), asked, "{mode}");
    said
}
