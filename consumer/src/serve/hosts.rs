//! For which names this server answers. A page in somebody's browser can point its own name at a
//! loopback address, and then everything that the browser sends bears that name.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header, uri::Authority};
use tokenkeeper_shared::http::problem::Problem;

use super::access::Client;

/// The names that the server was given beside its addresses, in lower case.
#[derive(Debug, Clone, Default)]
pub(super) struct Hosts(Vec<String>);

impl Hosts {
    pub(super) fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Judges the request's host, and where a browser says that it comes from.
    pub(super) fn check(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        client: &Client,
    ) -> Result<(), Problem> {
        let local = client.local;
        let sent = only(headers).filter(|_| uri.authority().is_none());
        if sent.is_none() || sent != client.host.get() {
            let host = host(uri, headers).ok_or_else(|| {
                Problem::bad_request("send one Host header with the name of this server")
            })?;
            if !self.include(host.host(), local) {
                return Err(Problem::new(
                    StatusCode::MISDIRECTED_REQUEST,
                    "unknown_host",
                    "this server does not answer for that host: start it with `--host NAME`",
                ));
            }
            if let Some(sent) = sent {
                // A connection's next requests nearly always say the same.
                let _ = client.host.set(sent.clone());
            }
        }
        // Absent from everything but browsers.
        match headers.get(header::ORIGIN) {
            Some(origin) if !self.is_own(origin.to_str().unwrap_or_default(), local) => {
                Err(Problem::new(
                    StatusCode::FORBIDDEN,
                    "foreign_origin",
                    "pages of other sites may not ask this server",
                ))
            }
            _ => Ok(()),
        }
    }

    fn include(&self, host: &str, local: Option<IpAddr>) -> bool {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        match bare.parse::<IpAddr>() {
            // An address cannot be pointed elsewhere.
            Ok(address) => {
                address.is_loopback() || local.is_some_and(|local| is_same(local, address))
            }
            Err(_) => {
                host.eq_ignore_ascii_case("localhost")
                    || self.0.iter().any(|name| name.eq_ignore_ascii_case(host))
            }
        }
    }

    fn is_own(&self, origin: &str, local: Option<IpAddr>) -> bool {
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        let authority = host.and_then(|host| host.parse::<Authority>().ok());
        authority.is_some_and(|authority| self.include(authority.host(), local))
    }
}

fn is_same(local: IpAddr, address: IpAddr) -> bool {
    local.to_canonical() == address.to_canonical()
}

/// The one `Host` header, where there is exactly one.
fn only(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut values = headers.get_all(header::HOST).iter();
    values.next().filter(|_| values.next().is_none())
}

/// RFC 9112, 3.2: one Host header; a whole address in the request line comes before it, and must not
/// contradict it. HTTP/2 has the former only.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let mut values = headers.get_all(header::HOST).iter();
    let header = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => Some(value.to_str().ok()?.parse::<Authority>().ok()?),
        (Some(_), Some(_)) => return None,
    };
    let host = match (uri.authority(), header) {
        (Some(one), Some(other)) => (*one == other).then_some(other)?,
        (Some(one), None) => one.clone(),
        (None, header) => header?,
    };
    (!host.as_str().contains('@')).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenkeeper_shared::http::guesses::Peer;

    fn judge(uri: &str, hosts: &[&str], origin: Option<&str>) -> u16 {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().unwrap());
        }
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let client = Client::new(Peer::User(0), Some([192, 0, 2, 1].into()));
        let first = judge_on(&client, uri, &headers);
        assert_eq!(judge_on(&client, uri, &headers), first, "the second request of a connection");
        first
    }

    fn judge_on(client: &Client, uri: &str, headers: &HeaderMap) -> u16 {
        let known = Hosts::new(&["Tokens.example.org".to_owned()]);
        let judged = known.check(&uri.parse().unwrap(), headers, client);
        judged.map_or_else(|problem| problem.status.as_u16(), |()| 200)
    }

    #[test]
    fn a_host_that_was_right_once_vouches_for_no_other() {
        let client = Client::new(Peer::User(0), None);
        let headers = |hosts: &[&str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, host.parse().unwrap());
            }
            headers
        };
        assert_eq!(judge_on(&client, "/", &headers(&["localhost"])), 200);
        assert_eq!(judge_on(&client, "/", &headers(&["evil.example"])), 421);
        assert_eq!(judge_on(&client, "/", &headers(&["localhost", "localhost"])), 400);
        assert_eq!(judge_on(&client, "/", &headers(&[])), 400);
        assert_eq!(judge_on(&client, "http://evil.example/", &headers(&["localhost"])), 400);
    }

    #[test]
    fn only_known_hosts_are_answered() {
        for good in [
            "localhost",
            "LOCALHOST:8065",
            "127.0.0.1:8065",
            "127.1.2.3",
            "[::1]:8065",
            "192.0.2.1:1",
            "tokens.example.ORG",
        ] {
            assert_eq!(judge("/", &[good], None), 200, "{good}");
        }
        for foreign in [
            "evil.example",
            "localhost.evil.example",
            "localhost.",
            "192.0.2.2",
            "tokens.example.org.",
            "xtokens.example.org",
            "0.0.0.0",
            "[::]",
            "127.0.0.1.evil.example",
        ] {
            assert_eq!(judge("/", &[foreign], None), 421, "{foreign}");
        }
        for bad in [&[][..], &["localhost", "localhost"], &[""], &["user@localhost"], &["a b"]] {
            assert_eq!(judge("/", bad, None), 400, "{bad:?}");
        }
    }

    #[test]
    fn an_address_in_the_request_line_does_not_contradict_the_header() {
        assert_eq!(judge("http://localhost/", &[], None), 200);
        assert_eq!(judge("http://localhost/", &["localhost"], None), 200);
        assert_eq!(judge("http://localhost/", &["evil.example"], None), 400);
        assert_eq!(judge("http://evil.example/", &["evil.example"], None), 421);
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        for own in ["http://localhost:8065", "https://tokens.example.org"] {
            assert_eq!(judge("/", &["localhost"], Some(own)), 200, "{own}");
        }
        for foreign in
            ["http://evil.example", "null", "", "file://", "http://localhost.evil.example"]
        {
            assert_eq!(judge("/", &["localhost"], Some(foreign)), 403, "{foreign}");
        }
    }
}
