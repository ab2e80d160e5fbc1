//! Requests that mean harm: hosts, origins, sizes, slowness, two meanings of one request, odd paths.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use super::{
    http::{Answer, exchange, request, rest_of},
    stage::{Server, Stage, bearer},
};
use crate::harness::wait;

fn ground(arguments: &[&str]) -> (Stage, Server, String) {
    let stage = Stage::with_token();
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(arguments);
    (stage, server, key)
}

#[test]
fn names_that_somebody_pointed_at_this_host_are_not_answered() {
    let (_stage, server, key) = ground(&["--host", "tokens.example.org"]);
    let authorization = bearer(&key);
    let get = |headers: &[(&str, &str)]| {
        let headers = [&[("Authorization", &*authorization)], headers].concat();
        server.ask(&request("GET", "/v1/tokens/edfi", &headers, ""))
    };
    for good in
        ["localhost", "127.0.0.1", "[::1]:1", "tokens.example.org", "Tokens.Example.org:443"]
    {
        assert_eq!(get(&[("Host", good)]).status, 200, "{good}");
    }
    get(&[("Host", "evil.example")]).is_problem(421, "unknown_host");
    get(&[("Host", "localhost"), ("Host", "localhost")]).is_problem(400, "bad_request");
    get(&[("Host", "evil@localhost")]).is_problem(400, "bad_request");
    for origin in ["http://evil.example", "null"] {
        get(&[("Origin", origin)]).is_problem(403, "foreign_origin");
    }
    let own = get(&[("Origin", "https://tokens.example.org")]);
    assert_eq!(own.status, 200);
    assert_eq!(own.header("access-control-allow-origin"), None);
    // Without a host, and of a probe: its caller knows nothing but an address.
    let bare = format!("GET /v1/tokens/edfi HTTP/1.0\r\nAuthorization: {authorization}\r\n\r\n");
    server.ask(&bare).is_problem(400, "bad_request");
    assert_eq!(server.ask("GET /healthz HTTP/1.0\r\n\r\n").status, 200);
    let preflight = request(
        "OPTIONS",
        "/v1/tokens/edfi",
        &[
            ("Authorization", &authorization),
            ("Origin", "http://localhost"),
            ("Access-Control-Request-Method", "GET"),
        ],
        "",
    );
    let preflight = server.ask(&preflight);
    preflight.is_problem(405, "method_not_allowed");
    assert!(!preflight.head.to_lowercase().contains("access-control"), "{preflight:?}");
}

#[test]
fn only_a_plain_name_is_looked_up() {
    let (_stage, server, key) = ground(&[]);
    for (path, status) in [
        ("/v1/tokens/..", 400),
        ("/v1/tokens/%2e%2e", 400),
        ("/v1/tokens/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/v1/tokens/../../healthz", 404),
        ("/v1/tokens/%65dfi", 400),
        ("/v1/tokens/edfi%00", 400),
        ("/v1/tokens/edfi/", 404),
        ("/v1/tokens//edfi", 404),
        ("//v1/tokens/edfi", 404),
        ("/V1/tokens/edfi", 404),
        ("/v1/tokens/EDFI", 404),
        ("/v1/tokens/", 404),
        ("/v1/tokens/-edfi", 400),
        ("/v1/tokens/edfi%20", 400),
        ("/v1/tokens/edfi;a=b", 400),
        ("/v1/tokens/'%20OR%201=1--", 400),
        ("/v1/tokens/edfi%2Frejected", 400),
        ("/v1/tokens/%F0%9F%92%A9", 400),
        ("/healthz/../v1/tokens/edfi", 404),
    ] {
        let answer = server.get(path, &key);
        let odd = answer.status == status || (path == "/v1/tokens/.." && answer.status == 404);
        assert!(odd, "{path}: {answer:?}");
        assert!(!answer.body.contains("access-edfi"), "{path}");
    }
    server.get(&format!("/v1/tokens/{}", "n".repeat(128)), &key).is_problem(404, "no_such_name");
    server.get(&format!("/v1/tokens/{}", "n".repeat(8192)), &key).is_problem(400, "bad_request");
    let answers = exchange(server.port, b"GET http://[::1/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(answers[0].status, 400);
}

#[test]
fn what_is_too_large_is_refused() {
    let (_stage, server, key) = ground(&[]);
    let authorization = bearer(&key);
    let padded = |name: &str, count: usize, length: usize| {
        let value = "v".repeat(length);
        let names: Vec<_> = (0..count).map(|n| format!("{name}-{n}")).collect();
        let mut headers: Vec<(&str, &str)> = vec![("Authorization", &authorization)];
        headers.extend(names.iter().map(|name| (&**name, &*value)));
        exchange(server.port, request("GET", "/v1/tokens/edfi", &headers, "").as_bytes())
    };
    assert_eq!(padded("x", 20, 100)[0].status, 200);
    assert_eq!(padded("x", 1, 20_000)[0].status, 431);
    assert_eq!(padded("x", 200, 10)[0].status, 431);
    let line = format!("/v1/tokens/edfi?{}", "a".repeat(70_000));
    let answers = exchange(server.port, request("GET", &line, &[], "").as_bytes());
    assert!(answers.iter().all(|answer| matches!(answer.status, 414 | 431)), "{answers:?}");
    let report = "/v1/tokens/edfi/rejected";
    let large = format!("{{\"generation\":1{}}}", " ".repeat(9000));
    server.post(report, &key, "application/json", &large).is_problem(413, "too_large");
    // The length alone is enough to be refused.
    let told = format!(
        "POST {report} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/json\r\nContent-Length: 4000000000\r\n\r\n{{"
    );
    let answers = exchange(server.port, told.as_bytes());
    answers[0].is_problem(413, "too_large");
    server
        .ask(&request("GET", "/v1/tokens/edfi", &[("Authorization", &authorization)], "body"))
        .is_problem(400, "bad_request");
}

#[test]
fn a_request_has_one_meaning_or_none() {
    let (_stage, server, key) = ground(&[]);
    let head = format!(
        "POST /v1/tokens/edfi/rejected HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\n"
    );
    let smuggled = format!(
        "GET /v1/tokens/edfi HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n"
    );
    for tail in AMBIGUOUS {
        let answers = exchange(server.port, format!("{head}{tail}{smuggled}").as_bytes());
        let refused = matches!(answers.first(), Some(Answer { status: 400..=499, .. }));
        assert!(refused, "{tail:?}: {answers:?}");
        let leaked = answers.iter().any(|answer| answer.body.contains("access-edfi"));
        assert!(!leaked, "{tail:?}: what followed was answered: {answers:?}");
    }
    for line in NO_REQUESTS {
        let text = format!("{line}\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n");
        let answers = exchange(server.port, text.as_bytes());
        let good = answers.iter().all(|answer| (400..=505).contains(&answer.status));
        assert!(good, "{line:?}: {answers:?}");
    }
    assert_eq!(server.get("/v1/tokens/edfi", &key).status, 200, "it still serves");
}

#[test]
fn half_requests_keep_nobody_out() {
    let (_stage, server, key) = ground(&["--max-connections", "100"]);
    let open = |text: &[u8]| {
        let mut connection = TcpStream::connect(("127.0.0.1", server.port)).ok()?;
        connection.write_all(text).ok()?;
        Some(connection)
    };
    let mut held = Vec::new();
    for round in 0..10 {
        for n in 0..200 {
            let text: &[u8] = match n % 4 {
                0 => b"",
                1 => b"G",
                2 => b"GET /v1/tokens/edfi HTTP/1.1\r\nHost: loc",
                _ => b"GET /v1/tokens/edfi HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n",
            };
            held.extend(open(text));
        }
        let began = wait::stopwatch();
        assert_eq!(server.get("/v1/tokens/edfi", &key).status, 200, "round {round}");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    assert!(held.len() > 1900, "only {}", held.len());
}

#[test]
fn who_sends_too_slowly_is_cut_off() {
    let (_stage, server, key) = ground(&[]);
    let mut head = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let mut idle = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let mut body = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let began = wait::stopwatch();
    let limit = Some(Duration::from_secs(30));
    for stream in [&head, &idle, &body] {
        stream.set_read_timeout(limit).unwrap();
    }
    head.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let told = format!(
        "POST /v1/tokens/edfi/rejected HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    body.write_all(told.as_bytes()).unwrap();
    // A byte now and then does not help.
    let mut writer = head.try_clone().unwrap();
    let trickle = std::thread::spawn(move || {
        wait::until(Duration::from_secs(20), || {
            std::thread::sleep(Duration::from_millis(500));
            writer.write_all(b"X").is_err().then_some(())
        })
    });
    let answers = Answer::all(&rest_of(&mut body));
    answers[0].is_problem(408, "timeout");
    rest_of(&mut head);
    rest_of(&mut idle);
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    trickle.join().unwrap();
    let mut one = [0];
    assert!(!matches!(idle.read(&mut one), Ok(1)), "the idle one is closed");
}

/// How long a body is, said in two ways, or in one that readers take differently.
const AMBIGUOUS: [&str; 20] = [
    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "X: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Content-Length: 0\r\nContent-Length: 4\r\n\r\n",
    "Content-Length: 0, 4\r\n\r\n",
    "Content-Length: +4\r\n\r\n1234",
    "Content-Length: -1\r\n\r\n",
    "Content-Length: 0x4\r\n\r\n1234",
    "Content-Length: 99999999999999999999\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n",
    "Content-Length: 0\r\nX: a\0b\r\n\r\n",
    "Content-Length: 0\r\nX: a\rb\r\n\r\n",
];
/// First lines that are none.
const NO_REQUESTS: [&str; 7] = [
    "GET /v1/tokens/edfi",
    "GET  /v1/tokens/edfi HTTP/1.1",
    "GET /v1/tokens/edfi HTTP/1.1 x",
    "GET /v1/tokens/edfi HTTP/9.9",
    "G\0T / HTTP/1.1",
    "PRI * HTTP/2.0",
    "\u{16}\u{3}\u{1}",
];
