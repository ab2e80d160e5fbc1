//! nginx in front of the server, as `docs/server.md` says: the sample there is what runs here.

use std::{net::TcpStream, time::Duration};

use super::stage::{Server, Stage, path};
use crate::harness::{
    keeper::{Keeper, Recipe, free_port},
    product::find,
    proxy::Proxy,
    wait,
};

#[test]
fn a_token_is_had_through_nginx_over_a_connection_that_is_kept() {
    let front = Front::start();
    let answer = front.ask(NEIGHBOUR, "", &front.key);
    assert!(answer.contains("access-edfi-1") && answer.ends_with("\n200\n"), "{answer}");
    // From now on nothing but an open connection leads to the server.
    front.between.refuse();
    let again = front.ask(NEIGHBOUR, "", &front.key);
    assert!(again.ends_with("\n200\n"), "{again}");
}

#[test]
fn behind_nginx_each_client_is_slowed_down_for_itself() {
    let front = Front::start();
    let fresh = front.stage.new_key("b", &["--token", "*"]);
    let (mut looked_at, mut batch) = (0, 0);
    let guess = || {
        batch += 1;
        // What a client says of itself must not make another one of it.
        let told = front.ask_often(GUESSER, &format!("192.0.2.{batch}"), "wrong");
        looked_at += told.lines().filter(|line| *line == "401").count();
        (looked_at >= LONG_PAUSE).then_some(())
    };
    wait::until(LIMIT, guess).expect("a guess is looked at after each pause");
    let told = front.ask(GUESSER, "192.0.2.200", &fresh);
    assert!(told.ends_with("\n429\n"), "{told}");
    let told = front.ask(NEIGHBOUR, "", &fresh);
    assert!(told.ends_with("\n200\n"), "{told}");
}

/// nginx before a server, with a proxy between them that may refuse new connections.
struct Front {
    stage: Stage,
    key: String,
    between: Proxy,
    port: u16,
    _nginx: Keeper,
    _server: Server,
}

impl Front {
    fn start() -> Self {
        let stage = Stage::with_token();
        let key = stage.new_key("a", &["--token", "*"]);
        let (command, site) = sample();
        let arguments = command.split_once(" serve ").expect("the sample serves").1;
        let server = stage.serve(&arguments.split_whitespace().collect::<Vec<_>>());
        let between = Proxy::start(([127, 0, 0, 1], server.port).into());
        let port = free_port();
        let made = rcgen::generate_simple_self_signed(vec![HOST.to_owned()]).unwrap();
        let authority = stage.write("tokens.crt", &made.cert.pem());
        let secret = stage.write("tokens.key", &made.signing_key.serialize_pem());
        let site = [
            ("listen 443", format!("listen 127.0.0.1:{port}")),
            ("127.0.0.1:8065", between.address().to_string()),
            ("/etc/nginx/tokens.crt", path(&authority).to_owned()),
            ("/etc/nginx/tokens.key", path(&secret).to_owned()),
        ]
        .iter()
        .fold(site, |site, (documented, real)| {
            assert_eq!(site.matches(documented).count(), 1, "{documented}");
            site.replace(documented, real)
        });
        let configuration =
            stage.write("nginx.conf", &format!("{SURROUNDINGS}http {{\n{TEMPORARY}{site}}}\n"));
        let nginx = Keeper::prepare(&Recipe {
            variables: vec![
                ("SERVER", find("nginx", "nginx-light").display().to_string()),
                ("CONFIGURATION", path(&configuration).to_owned()),
            ],
            prepare: "mkdir \"$DIR/temporary\"",
            start: "exec \"$SERVER\" -p \"$DIR\" -e stderr -c \"$CONFIGURATION\"",
            stop: "TERM",
        });
        nginx.start(port);
        let listens = || TcpStream::connect(("127.0.0.1", port)).ok();
        wait::until(LIMIT, listens).unwrap_or_else(|| panic!("nginx: {}", nginx.log()));
        Self { stage, key, between, port, _nginx: nginx, _server: server }
    }

    /// The answer's body, and its status on a line of its own.
    fn ask(&self, from: &str, pretended: &str, key: &str) -> String {
        self.curl(from, pretended, key, "")
    }

    /// Asks often, one time after the other on one connection.
    fn ask_often(&self, from: &str, pretended: &str, key: &str) -> String {
        self.curl(from, pretended, key, "?n=[1-20]")
    }

    fn curl(&self, from: &str, pretended: &str, key: &str, query: &str) -> String {
        let authority = self.stage.path("tokens.crt");
        let port = self.port;
        let arguments = [
            "-sS",
            "--interface",
            from,
            "--cacert",
            path(&authority),
            "--resolve",
            &format!("{HOST}:{port}:127.0.0.1"),
            "-H",
            &format!("Authorization: Bearer {key}"),
            "-H",
            // Without a value curl leaves the header out.
            &format!("X-Forwarded-For:{pretended}"),
            "-w",
            "\n%{http_code}\n",
            &format!("https://{HOST}:{port}/v1/tokens/edfi{query}"),
        ];
        let done = self.stage.consumer_by("curl", &arguments).run();
        assert_eq!(done.code, Some(0), "{done:?}");
        done.stdout
    }
}

/// The command line and nginx's configuration that the page of the server shows.
fn sample() -> (String, String) {
    let page = include_str!("../../docs/server.md");
    let section = page.split("### nginx").nth(1).expect("the page tells of nginx");
    let block = |language: &str| {
        let text = section.split(&format!("```{language}\n")).nth(1).expect("a sample");
        text.split("```").next().unwrap_or_default().to_owned()
    };
    (block("sh"), block("nginx"))
}

/// What a distribution's own configuration has around a site.
const SURROUNDINGS: &str = "daemon off;\npid nginx.pid;\nevents {}\n";
const TEMPORARY: &str = "access_log off;\nclient_body_temp_path temporary/a;\nproxy_temp_path temporary/b;\n\
    fastcgi_temp_path temporary/c;\nuwsgi_temp_path temporary/d;\nscgi_temp_path temporary/e;\n";

const HOST: &str = "tokens.example.org";
const NEIGHBOUR: &str = "127.0.0.3";
const GUESSER: &str = "127.0.0.2";
/// Five guesses are free, and the pause doubles from 0.2 s: after so many it outlasts two calls of curl.
const LONG_PAUSE: usize = 10;
const LIMIT: Duration = Duration::from_secs(20);
