//! pgAgent as what starts the worker, instead of a procedure.

use crate::{
    agent::{agent, run_all, schedule, server},
    harness::programs::built,
    place::Place,
};

#[test]
fn pgagent_starts_the_program_where_that_is_asked_for() {
    let server = server("Asia/Tokyo");
    let place = Place::within(&server, "postgres", "edfi-ods");
    let url = server.url("postgres");
    let program = built("tokenkeeper-worker");
    let at = ["--at", "0 3 * * *", "--database", &url, "--install"];
    let starts = |program: &str| schedule(&place, &[&at[..], &["--program", program]].concat());
    // The procedure of the job that it was is taken away.
    assert_eq!(schedule(&place, &at).0, Some(0));
    let (code, said) = starts("/nowhere/tokenkeeper-worker");
    assert!(code == Some(0) && place.call().is_err(), "{said}");
    let _agent = agent(&server, "postgres");
    run_all(&server, 1);
    let (code, said) = schedule(&place, &["--check"]);
    assert!(code == Some(3) && said.contains("failed"), "{said}");
    assert_eq!(starts(program.to_str().unwrap()).0, Some(0));
    run_all(&server, 1);
    let (code, said) = schedule(&place, &["--check"]);
    assert!(code == Some(0) && said.contains("rows deleted"), "{said}");
    let left = place.left("dbo.ClientAccessTokens", "right(CAST(Id AS text), 1)");
    assert_eq!(left, ["1", "3", "5"]);
    let (code, said) = starts("tokenkeeper-worker");
    assert!(code == Some(2) && said.contains("whole path"), "{said}");
    let secret = url.replace("postgres@", "postgres:secret@");
    let (code, said) =
        schedule(&place, &["--at", "@daily", "--program", "/x", "--database", &secret]);
    assert!(code == Some(2) && !said.contains("secret@"), "{said}");
    assert_eq!(schedule(&place, &["--remove"]).0, Some(0));
    assert_eq!(place.execute("SELECT COUNT(*) FROM pgagent.pga_job"), "0");
}
