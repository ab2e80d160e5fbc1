//! The status page as a real browser shows it once: in light and in dark, and nothing that a provider
//! said runs. What its script does is in `live`.

use std::fs;

use super::stage::{HOUR, Server, Stage, path};
use crate::harness::programs::{Finished, Program};

/// Chromium without a window, with a profile of its own.
fn browser(stage: &Stage, arguments: &[&str]) -> Finished {
    let profile = format!("--user-data-dir={}", path(&stage.path("profile")));
    let ended = Program::named("chromium")
        .at_home(stage.home.path())
        .args(USUAL)
        .args([&*profile])
        .args(arguments)
        .run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

/// The page's address with a key, as a browser keeps it after it has asked.
pub fn address(server: &Server, key: &str) -> String {
    format!("http://me:{key}@127.0.0.1:{}/", server.port)
}

fn stage() -> Stage {
    let stage = Stage::with_token();
    stage.keep("crm", HOUR);
    stage.enrol("new-one");
    let hostile = "<script>document.title=\"owned\"</script><img src=x onerror=document.title=1>";
    let failed = "UPDATE tokens SET failures = 2, last_error_class = 'rejected', last_error = ";
    stage.sql(&format!("{failed}'{hostile}' WHERE name = 'crm'"));
    stage.tried("edfi", "ok");
    stage.tried("crm", "rejected");
    stage
}

#[test]
fn a_browser_shows_every_token_in_words_and_runs_nothing_that_came_from_outside() {
    let stage = stage();
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(&[]);
    let page = browser(&stage, &["--dump-dom", &address(&server, &key)]).stdout;
    for told in ["edfi", "crm", "new-one", "works; its renewal has failed", "first login", "<svg"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    // What ran would have changed the title, and what was loaded would be an element.
    assert!(page.contains("<title>tokenkeeper</title>"), "{page}");
    assert!(page.contains("&lt;script&gt;") && !page.contains("<img"), "{page}");
    assert!(!page.contains("access-"), "{page}");
}

#[test]
fn the_page_is_light_or_dark_as_people_like_it() {
    let stage = stage();
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(&[]);
    let brightness = |scheme: &str| {
        let file = stage.path(&format!("{scheme}.png"));
        let scheme = format!("--blink-settings=preferredColorScheme={scheme}");
        let screenshot = format!("--screenshot={}", path(&file));
        browser(&stage, &[&scheme, &screenshot, &address(&server, &key)]);
        let picture = fs::read(&file).expect("no screenshot");
        assert!(picture.starts_with(b"\x89PNG"));
        corner(&picture)
    };
    let (dark, light) = (brightness("0"), brightness("1"));
    assert!(dark < 80 && light > 200, "{dark} {light}");
}

/// How bright the first pixel is, from 0 to 255: the page's ground.
fn corner(png: &[u8]) -> u8 {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut row = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut row).unwrap();
    row[0]
}

pub const USUAL: [&str; 8] = [
    "--headless",
    // It refuses to sandbox itself as root, and nothing but our own page is loaded.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--window-size=1280,400",
];
