//! Every death on every database with every kind of provider, and the page that tells of it.

use std::{collections::BTreeMap, env, fs, path::Path, sync::Mutex};

use super::{
    deaths::{DEATHS, KINDS},
    host::on_each,
    mode::Mode,
    patient::Patient,
};
use crate::harness::long;

#[test]
fn whatever_a_worker_dies_of_the_token_is_served_and_the_next_run_heals_the_row() {
    let cells = Mutex::new(BTreeMap::new());
    on_each(|kind| {
        for mode in Mode::tried() {
            for (number, death) in DEATHS.iter().enumerate() {
                let patient = Patient::due(kind, *mode);
                (death.happens)(&patient);
                patient.is_served();
                let how = patient.heals();
                let database = KINDS.iter().position(|one| *one == kind);
                cells.lock().unwrap().insert((mode.words(), number, database), how);
            }
        }
    });
    let cells = cells.into_inner().unwrap();
    if long::is_wanted() {
        is_told(&page(&cells));
    }
}

type Cells = BTreeMap<(&'static str, usize, Option<usize>), String>;

/// The page that lies in the documentation is what this run came to.
fn is_told(page: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fault-matrix.md");
    if env::var_os("TOKENKEEPER_WRITE_DOCS").is_some() {
        fs::write(&file, page).unwrap();
    }
    let told = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(told, page, "write it anew with TOKENKEEPER_WRITE_DOCS=1 tests/run --all");
}

fn page(cells: &Cells) -> String {
    let tables = Mode::tried().iter().map(|mode| table(*mode, cells));
    [HEAD.to_owned()].into_iter().chain(tables).collect::<Vec<_>>().join("\n")
}

fn table(mode: Mode, cells: &Cells) -> String {
    let kinds = KINDS.map(|kind| kind.to_string());
    let mut rows = vec![
        format!("## Provider: {}\n", mode.words()),
        format!("| | the worker dies | {} |", kinds.join(" | ")),
        "|---|---|---|---|---|".to_owned(),
    ];
    for (number, death) in DEATHS.iter().enumerate() {
        let told = [0, 1, 2].map(|kind| {
            let how = cells.get(&(mode.words(), number, Some(kind)));
            how.map_or("not run", String::as_str)
        });
        rows.push(format!("| {} | {} | {} |", death.id, death.words, told.join(" | ")));
    }
    rows.push(String::new());
    rows.join("\n")
}

const HEAD: &str = "\
# Fault matrix

Written by a run of `tests/run --all` (suite `kill_matrix`), which fails when a cell differs from what is told
here. In each cell the worker dies at one step of the protocol while it renews a token that is due. Then a
consumer asks and must get a token that the provider calls active; the lease is moved into the past; the worker
runs again. The row must end in state `ok`, one generation newer, with a token that the provider calls active,
after at most two presentations of a refresh token and one login.

A cell says how the next runs healed the row (`replayed`: from the journal, without asking the provider;
`refreshed`; `logged in`), and how often the provider was asked in all for that one generation, the request of
the worker that died included.
";
