//! The ways in: Unix socket, sockets that systemd has opened, public addresses. TLS is in `tls`.

use std::{
    fs,
    io::Write,
    net::TcpStream,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::{UnixDatagram, UnixListener, UnixStream},
    },
    process::Command,
    time::Duration,
};

use super::{
    http::{Answer, request, rest_of},
    stage::{Server, Stage, bearer, path},
};
use crate::harness::{keeper::free_port, wait};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_unix_socket_is_for_its_owner_and_root() {
    let stage = Stage::with_token();
    let key = stage.new_key("all", &["--token", "*"]);
    let socket = stage.path("sock");
    // A dead process has left it.
    drop(UnixListener::bind(&socket).unwrap());
    let listen = format!("unix:{}", path(&socket));
    let running = stage.consumer(&["serve", "--listen", &listen]).spawn();
    let server = Server { running: Some(running), port: 0 };
    let ask = || {
        let mut stream = UnixStream::connect(&socket).ok()?;
        let text = request("GET", "/v1/tokens/edfi", &[("Authorization", &bearer(&key))], "");
        stream.write_all(text.as_bytes()).ok()?;
        Answer::all(&rest_of(&mut stream)).pop()
    };
    assert_eq!(wait::until(LIMIT, ask).unwrap().status, 200);
    let metadata = fs::metadata(&socket).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.mode() & 0o777, 0o600);
    let second = stage.consumer(&["serve", "--listen", &listen]).run();
    assert_eq!(second.code, Some(2), "{second:?}");
    assert!(second.stderr.contains("another process"), "{second:?}");
    assert_eq!(server.stop().code, Some(0));
    assert!(!socket.exists(), "it goes with its server");
}

#[test]
fn a_user_who_may_not_ask_gets_no_answer() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return; // Nobody but root can ask as others.
    }
    let stage = Stage::with_token();
    let key = stage.new_key("all", &["--token", "*"]);
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let socket = folder.path().join("sock");
    let listen = format!("unix:{}", path(&socket));
    let running = stage.consumer(&["serve", "--listen", &listen, "--allow-uid", "12345"]).spawn();
    let server = Server { running: Some(running), port: 0 };
    wait::until(LIMIT, || UnixStream::connect(&socket).ok()).unwrap();
    let status_for = |user: &str| {
        let curl = "printf 'header = \"Authorization: Bearer %s\"' \"$KEY\" | curl -s -K - -o /dev/null \
                    -w '%{http_code}' --unix-socket \"$SOCKET\" http://localhost/v1/tokens/edfi";
        let asked = Command::new("setpriv")
            .args(["--reuid", user, "--clear-groups", "sh", "-c", curl])
            .env("KEY", &key)
            .env("SOCKET", &socket)
            .output()
            .unwrap();
        String::from_utf8(asked.stdout).unwrap()
    };
    assert_eq!(status_for("0"), "200");
    assert_eq!(status_for("12345"), "200");
    assert_eq!(status_for("12346"), "000");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_public_address_wants_tls_or_a_proxy() {
    let stage = Stage::with_token();
    let key = stage.new_key("all", &["--token", "*"]);
    for address in ["0.0.0.0:0", "[::]:0"] {
        let ended = stage.consumer(&["serve", "--listen", address]).run();
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("--behind-proxy"), "{ended:?}");
    }
    let port = free_port();
    let listen = format!("0.0.0.0:{port}");
    let running = stage.consumer(&["serve", "--listen", &listen, "--behind-proxy"]).spawn();
    let server = Server { running: Some(running), port };
    wait::until(LIMIT, || TcpStream::connect(("127.0.0.1", port)).ok()).unwrap();
    // Each of those whom the proxy names is slowed down for itself.
    let ask = |peer: &str, key: &str| {
        let headers = [("Authorization", &*bearer(key)), ("X-Forwarded-For", peer)];
        server.ask(&request("GET", "/v1/tokens/edfi", &headers, "")).status
    };
    while ask("1.1.1.1, 192.0.2.1", "wrong") != 429 {}
    assert_eq!(ask("1.1.1.2, 192.0.2.1", "wrong"), 429, "what the client says does not count");
    assert_eq!(ask("192.0.2.2", &key), 200);
    let taken = stage.consumer(&["serve", "--listen", &format!("127.0.0.1:{port}")]).run();
    assert_eq!(taken.code, Some(2), "{taken:?}");
    assert!(taken.stderr.contains("cannot listen"), "{taken:?}");
}

#[test]
fn a_socket_that_systemd_has_opened_is_served() {
    let stage = Stage::with_token();
    let key = stage.new_key("all", &["--token", "*"]);
    let told = stage.path("notify");
    let notified = UnixDatagram::bind(&told).unwrap();
    notified.set_read_timeout(Some(LIMIT)).unwrap();
    let port = free_port();
    let pass = format!(
        "import os, socket\ns = socket.socket()\ns.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n\
         s.bind(('127.0.0.1', {port}))\ns.listen()\nos.dup2(s.fileno(), 3)\nos.set_inheritable(3, True)\n\
         os.environ['LISTEN_PID'] = str(os.getpid())\nos.environ['LISTEN_FDS'] = '1'\n\
         os.execv(os.environ['PROGRAM'], ['tokenkeeper-consumer', 'serve'])\n"
    );
    let running = stage.consumer_by("python3", &["-c", &pass]).env("NOTIFY_SOCKET", &told).spawn();
    let server = Server { running: Some(running), port };
    let heard = || {
        let mut text = [0; 64];
        let length = notified.recv(&mut text).expect("systemd is told");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    assert!(heard().contains("READY=1"));
    assert_eq!(server.get("/v1/tokens/edfi", &key).status, 200);
    assert_eq!(server.stop().code, Some(0));
    assert!(heard().contains("STOPPING=1"));
}
