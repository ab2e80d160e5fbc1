//! What shells complete, in the shells themselves; and the manual's pages.

use serde_json::Value;
use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{Host, path, tells},
    stage::Stage,
};
use crate::harness::databases::Kind;

#[test]
fn shells_complete_verbs_names_and_formats() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["edfi", "quartile"]);
    stage.host.work(0, &["run"]);
    for (words, expected) in [
        (&["get", ""][..], &["edfi", "quartile"][..]),
        (&["exec", "edfi", "qu"], &["quartile"]),
        (&["watch", "e"], &["edfi"]),
        (&["report", "q"], &["quartile"]),
        (&["get", "nobody"], &[]),
        (&["get", "edfi", "--format", "git"], &["git-credential"]),
        (&["wat"], &["watch"]),
    ] {
        for (shell, script) in scripts(words) {
            let said = stage.host.says(shell, &script);
            let found: Vec<_> = said.lines().filter(|line| !line.is_empty()).collect();
            let found: Vec<_> = found
                .iter()
                .map(|line| first_word(line))
                .filter(|word| !word.starts_with('-'))
                .collect();
            assert_eq!(found, expected, "{shell}: {words:?}: {said}");
        }
    }
}

#[test]
fn a_database_that_is_not_there_completes_nothing_and_says_nothing() {
    let host = Host::new().with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
    for (shell, script) in scripts(&["get", "q"]) {
        assert_eq!(host.says(shell, &script).trim(), "", "{shell}");
    }
}

#[test]
fn a_shell_that_is_none_is_refused_with_those_that_are() {
    let host = Host::new();
    tells(
        &host.consume(2, &["completions", "tcsh"]),
        &["tcsh", "bash", "zsh", "fish", "powershell"],
    );
    let powershell = host.consume(0, &["completions", "powershell"]);
    tells(&powershell, &["Register-ArgumentCompleter"]);
}

#[test]
fn the_manual_has_a_page_for_each_verb_that_groff_reads_without_complaint() {
    let host = Host::new();
    let folder = host.home().join("man");
    std::fs::create_dir(&folder).unwrap();
    host.consume(0, &["man", "--into", path(&folder)]);
    for verb in ["get", "list", "exec", "watch", "report", "completions", "man"] {
        assert!(folder.join(format!("tokenkeeper-consumer-{verb}.1")).exists(), "{verb}");
    }
    let pages = host.says("sh", "cat man/*.1 | groff -Kutf8 -man -ww -Tutf8 -P-cbou");
    for words in ["git-credential", "SYNOPSIS", "Exit codes:"] {
        assert!(pages.contains(words), "{words}: {pages}");
    }
    let page = host.consume(0, &["man", "get"]).stdout;
    assert!(page.contains(".TH tokenkeeper-consumer-get 1"), "{page}");
    tells(&host.consume(2, &["man", "no-such-verb"]), &["no-such-verb", "--help"]);
    tells(&host.consume(2, &["man", "--into", "/proc/none"]), &["/proc/none"]);
}

#[test]
fn scripts_and_pages_are_told_in_json_too() {
    let host = Host::new();
    for (arguments, member) in [(&["completions", "bash"], "script"), (&["man", "get"], "page")] {
        let told = host.consume(0, &[&arguments[..], &["--json"]].concat());
        let object: Value = serde_json::from_str(&told.stdout).unwrap();
        assert!(object[member].as_str().is_some_and(|text| text.len() > 100), "{told:?}");
    }
}

/// For each shell what asks its completion for these words, the last one unfinished.
fn scripts(words: &[&str]) -> [(&'static str, String); 3] {
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let (quoted, count) = (quoted.join(" "), words.len());
    let last = words.last().unwrap();
    let program = "tokenkeeper-consumer";
    let bash = format!(
        "source <({program} completions bash)\nCOMP_WORDS=({program} {quoted}) COMP_CWORD={count} COMP_TYPE=9\n\
         _clap_complete_tokenkeeper_consumer {program} '{last}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let zsh = format!(
        "autoload -U compinit && compinit -u -D\nsource <({program} completions zsh)\n\
         _describe() {{ print -rl -- ${{(P)3}} }}\nwords=({program} {quoted}) CURRENT={}\n\
         _clap_dynamic_completer_tokenkeeper_consumer || true",
        count + 1
    );
    let fish =
        format!("{program} completions fish | source\ncomplete -C '{program} {}'", words.join(" "));
    [("bash", bash), ("zsh", zsh), ("fish", fish)]
}

/// fish and zsh say what a word is for.
fn first_word(line: &str) -> &str {
    line.split(['\t', ':']).next().unwrap_or_default().trim_end()
}
