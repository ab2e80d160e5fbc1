//! Addresses that credentials may be sent to.

use url::{Host, Url};

/// `{base}/{version}`; a base that already ends with its version is taken as it is.
pub(super) fn quartile_url(base: Option<&str>, version: Option<&str>) -> Result<Url, String> {
    let base = base.unwrap_or(QUARTILE_BASE).trim_end_matches('/');
    let in_base = QUARTILE_VERSIONS.into_iter().find(|v| base.ends_with(&format!("/{v}")));
    if let (Some(in_base), Some(version)) = (in_base, version)
        && in_base != version
    {
        return Err(format!("`base_url` ends with {in_base} and `version` differs: take one out"));
    }
    let version = version.unwrap_or("v2");
    if !QUARTILE_VERSIONS.contains(&version) {
        return Err("`version` is \"v2\" or \"v3\"".to_owned());
    }
    let text = if in_base.is_some() { base.to_owned() } else { format!("{base}/{version}") };
    provider_url(&text)
}

/// An address that credentials may be sent to. RFC 6749, 3.2: TLS, and no fragment.
pub(super) fn provider_url(text: &str) -> Result<Url, String> {
    let url =
        Url::parse(text).map_err(|error| format!("the provider's URL is malformed: {error}"))?;
    let loopback = is_loopback(&url);
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => {
            return Err(
                "the provider's URL is http: credentials need https (http is for loopback only)"
                    .into(),
            );
        }
        _ => return Err("the provider's URL must begin with https://".into()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the provider's URL holds credentials: use client_id and client_secret".into());
    }
    if url.fragment().is_some() {
        return Err("the provider's URL has a fragment (#…): take it out".into());
    }
    Ok(url)
}

/// Whether an address stays on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

const QUARTILE_BASE: &str = "https://api.quartile.com/auth";
const QUARTILE_VERSIONS: [&str; 2] = ["v2", "v3"];
