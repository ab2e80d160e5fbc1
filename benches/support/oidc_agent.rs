//! An oidc-agent that holds an access token of the tests' provider in its memory, for `oidc-token` to
//! ask. Debian's package oidc-agent-cli has the programs.

use std::{fs, os::unix::fs::PermissionsExt, process::Command, time::Duration};

use tempfile::TempDir;

use crate::suites::harness::{oidc::Oidc, product::find};

/// Ends with this value.
pub struct OidcAgent {
    home: TempDir,
    socket: String,
    process: String,
    provider: Oidc,
}

impl OidcAgent {
    pub fn start() -> Self {
        let provider = Oidc::start(Duration::from_hours(1));
        let home = tempfile::tempdir().unwrap();
        let accounts = home.path().join(".oidc-agent");
        fs::create_dir(&accounts).unwrap();
        fs::set_permissions(&accounts, fs::Permissions::from_mode(0o700)).unwrap();
        let started =
            Command::new(program("oidc-agent")).env("HOME", home.path()).output().unwrap();
        let said = String::from_utf8(started.stdout).unwrap();
        let value = |name: &str| {
            let (_, rest) =
                said.split_once(&format!("{name}=")).unwrap_or_else(|| panic!("{said}"));
            rest.split(';').next().unwrap().to_owned()
        };
        let (socket, process) = (value("OIDC_SOCK"), value("OIDCD_PID"));
        let agent = Self { home, socket, process, provider };
        agent.add_account();
        agent
    }

    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let home = self.home.path().display().to_string();
        vec![("HOME", home), ("OIDC_SOCK", self.socket.clone())]
    }

    /// Password and refresh token guard nothing: the provider ends with the benchmark.
    fn add_account(&self) {
        let provider = &self.provider;
        let mut command = Command::new(program("oidc-gen"));
        command.args([ACCOUNT, "--manual", "--flow=refresh", "--confirm-yes", "--no-url-call"]);
        command.arg(format!("--issuer={}", provider.issuer));
        command.arg(format!("--client-id={}", provider.code.id));
        command.arg(format!("--client-secret={}", provider.code.secret));
        command.arg(format!("--rt={}", provider.refresh_token()));
        command.args(["--scope=openid offline_access", "--redirect-uri=http://localhost:4242"]);
        command.args(["--dae=", "--pw-cmd=echo password"]).envs(self.environment());
        let added = command.output().unwrap();
        assert!(added.status.success(), "{added:?}");
    }
}

impl Drop for OidcAgent {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(&self.process).status();
    }
}

pub fn program(name: &'static str) -> String {
    find(name, "oidc-agent-cli").display().to_string()
}

pub const ACCOUNT: &str = "bench";
