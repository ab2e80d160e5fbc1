//! The status page while it stays open in a real browser: its script keeps it new, and where that
//! does not run the page is there all the same.

use serde_json::json;

use super::{
    browser::address,
    devtools::Tab,
    stage::{HOUR, Server, Stage},
};

/// A tab with the page of all tokens, and a mark that a load of the page would wipe out.
fn opened(stage: &Stage, server: &Server) -> Tab {
    let key = stage.new_key("all", &["--token", "*"]);
    // Until the server knows the key, the browser would ask somebody for another one.
    server.until("/openapi.json", &key, 200);
    let mut tab = Tab::open(stage);
    // Too low for the whole table.
    let size = json!({ "width": 900, "height": 60, "deviceScaleFactor": 1, "mobile": false });
    tab.order("Emulation.setDeviceMetricsOverride", &size);
    tab.order("Page.navigate", &json!({ "url": address(server, &key) }));
    tab.until("document.readyState === 'complete' && document.querySelector('main') !== null");
    tab.evaluate("window.mark = true");
    tab
}

#[test]
fn what_changes_is_shown_without_a_reload_and_nobody_loses_his_place() {
    let stage = Stage::with_token();
    for number in 0..101 {
        stage.enrol(&format!("token-{number:03}"));
    }
    let server = stage.serve(&[]);
    let mut tab = opened(&stage, &server);
    tab.evaluate(
        "scrollTo(0, 40); document.querySelector('main a').focus({ preventScroll: true })",
    );
    stage.keep("edfi", HOUR);
    stage.sql("UPDATE tokens SET failures = 3, last_error = '<b>down</b>' WHERE name = 'edfi'");
    tab.until("document.querySelector('main').innerText.includes('3: <b>down</b>')");
    assert_eq!(tab.evaluate("window.mark && scrollY === 40"), true);
    assert_eq!(tab.evaluate("document.activeElement.innerText.startsWith('after ')"), true);
    assert_eq!(tab.evaluate("document.querySelectorAll('main').length"), 1);
    assert_eq!(tab.evaluate("document.getElementById('said').innerText"), "");
}

#[test]
fn a_page_that_cannot_be_kept_new_says_so() {
    let stage = Stage::with_token();
    let server = stage.serve(&[]);
    let mut tab = opened(&stage, &server);
    let said = |words| format!("document.getElementById('said').innerText.includes('{words}')");
    stage.sql("ALTER TABLE tokens RENAME TO away");
    tab.until(&said("The server answers 50"));
    stage.sql("ALTER TABLE away RENAME TO tokens");
    tab.until("document.getElementById('said').innerText === ''");
    server.stop();
    tab.until(&said("cannot be reached"));
    assert_eq!(tab.evaluate("window.mark && document.body.innerText.includes('edfi')"), true);
}

#[test]
fn a_hidden_page_asks_for_nothing_until_it_is_seen_again() {
    let stage = Stage::with_token();
    let server = stage.serve(&[]);
    let mut tab = opened(&stage, &server);
    tab.evaluate("Object.defineProperty(document, 'hidden', { get: () => !window.seen, configurable: true })");
    // One interval more than a page would need that takes no heed.
    tab.evaluate("window.ticks = 0; setInterval(() => window.ticks += 1, 5000); 0");
    stage.enrol("later");
    tab.until("window.ticks === 2");
    assert_eq!(tab.evaluate("document.body.innerText.includes('later')"), false);
    tab.evaluate("window.seen = true; document.dispatchEvent(new Event('visibilitychange'))");
    tab.until("document.body.innerText.includes('later')");
    assert_eq!(tab.evaluate("window.ticks === 2 && window.mark"), true);
}

#[test]
fn without_its_script_the_page_is_there_and_comes_anew_by_itself() {
    let stage = Stage::with_token();
    let key = stage.new_key("plain", &["--token", "*"]);
    let server = stage.serve(&[]);
    let mut tab = Tab::open(&stage);
    tab.order("Network.enable", &json!({}));
    tab.order("Network.setBlockedURLs", &json!({ "urls": ["*status.js"] }));
    tab.order("Page.navigate", &json!({ "url": address(&server, &key) }));
    tab.until("document.readyState === 'complete' && document.body.innerText.includes('edfi')");
    assert_eq!(tab.evaluate("document.getElementById('said').innerText"), "");
    tab.order("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    tab.order("Page.navigate", &json!({ "url": address(&server, &key) }));
    // Where scripts are off the element is no text but markup that counts.
    tab.until("document.querySelector('noscript > meta[http-equiv=refresh]')?.content === '30'");
}
