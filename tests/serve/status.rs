//! The status page: what people see, whom it is shown to, and that nothing on it is markup but its own.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use super::{
    http::{Answer, request},
    stage::{HOUR, Server, Stage},
};

fn basic(server: &Server, path: &str, key: &str) -> Answer {
    let pair = format!("Basic {}", BASE64_STANDARD.encode(format!("me:{key}")));
    server.ask(&request("GET", path, &[("Authorization", &pair)], ""))
}

#[test]
fn a_browser_is_asked_for_a_key_and_shown_what_that_may_see() {
    let stage = Stage::with_token();
    stage.keep("crm", HOUR);
    let (all, crm) =
        (stage.new_key("a", &["--token", "*"]), stage.new_key("c", &["--token", "crm"]));
    let server = stage.serve(&[]);
    let asked = server.ask(&request("GET", "/", &[], ""));
    asked.is_problem(401, "unauthorized");
    assert!(asked.header("www-authenticate").unwrap().starts_with("Basic realm="));
    let page = basic(&server, "/", &all);
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    for told in ["edfi", "crm", "works", "in 59m"] {
        assert!(page.body.contains(told), "{told}: {}", page.body);
    }
    assert!(!page.body.contains("access-"), "{}", page.body);
    assert_eq!(server.get("/", &all).status, 200);
    let narrow = basic(&server, "/", &crm).body;
    assert!(narrow.contains("crm") && !narrow.contains("edfi"), "{narrow}");
    assert!(!basic(&server, "/?after=crm", &all).body.contains("crm"));
    basic(&server, "/?after=%3Cscript%3E", &all).is_problem(400, "bad_request");
    assert_eq!(basic(&server, "/", "wrong").status, 401);
    // What a browser remembers opens nothing but this page.
    basic(&server, "/v1/tokens/edfi", &all).is_problem(401, "unauthorized");
}

#[test]
fn the_page_runs_its_own_script_alone_and_escapes_what_a_provider_says() {
    let stage = Stage::with_token();
    let hostile = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>''</title>";
    stage.sql(&format!("UPDATE tokens SET failures = 2, last_error = '{hostile}'"));
    stage.tried("edfi", "<b onclick=alert(1)>");
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(&[]);
    let page = basic(&server, "/", &key);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let style = page.body.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = BASE64_STANDARD.encode(Sha256::digest(style));
    assert!(policy.contains(&format!("'sha256-{hash}'")), "{policy}");
    let ours = "<script src=\"/status.js\" defer></script>";
    assert_eq!(page.body.matches(ours).count(), 1, "{}", page.body);
    let rest = page.body.replace(ours, "");
    for never in
        ["<script", "<img", "<b ", "style=\"", "onerror=alert(1)>", "javascript:", "http://"]
    {
        assert!(!rest.contains(never), "{never}: {rest}");
    }
    assert!(page.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{}", page.body);
}
