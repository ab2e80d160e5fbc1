//! A token that is kept, whose worker is about to die: what is there before, and what must be there
//! afterwards. How the worker dies lies in `deaths`.

use tokenkeeper_worker::sandbox::Counts;

use super::{
    host::{Host, only_line},
    mode::Mode,
    sql,
    stage::{Stage, host_of, start},
};
use crate::harness::databases::{Database, Kind};

pub struct Patient {
    pub stage: Stage,
    pub kind: Kind,
    mode: Mode,
    before: Counts,
}

impl Patient {
    /// The token `quartile` after its first login some time ago, due again.
    pub fn due(kind: Kind, mode: Mode) -> Self {
        Self::on(Database::fresh(kind), mode)
    }

    pub fn on(database: Database, mode: Mode) -> Self {
        let sandbox = start(mode.settings());
        let host = host_of(&sandbox, &["quartile"]).with("DATABASE_URL", &database.url);
        let file = host.config_folder().join("tokenkeeper.toml");
        let window = format!("replay_window = \"{}\"\n", mode.replay_window());
        let text = std::fs::read_to_string(file).unwrap() + &window;
        host.configure(&text);
        host.make_key();
        host.work(0, &["run"]);
        let (before, kind) = (sandbox.counts(), database.kind);
        let stage = Stage { sandbox, database, host };
        sql::forget_logins(&stage.database);
        Self { stage, kind, mode, before }
    }

    pub fn host(&self) -> &Host {
        &self.stage.host
    }

    /// Whatever died: there is a token, and it works.
    #[track_caller]
    pub fn is_served(&self) {
        let got = self.host().consume(0, &["get", "quartile", "--while-updating", "serve"]);
        let token = only_line(&got.stdout);
        assert!(self.stage.sandbox.is_active(&token), "a dead token is handed out: {got:?}");
    }

    /// Lets the lease lapse and the next runs do what they can; what they came to.
    #[track_caller]
    pub fn heals(&self) -> String {
        sql::lapse_leases(&self.stage.database);
        let mut how = "nothing left to do";
        for _ in 0..RUNS {
            let run = self.host().worker(&["run"]).run();
            how = how_of(&run.stdout).unwrap_or(how);
            let row = self.host().status("quartile");
            assert_eq!(row["updating"], false, "{} {:?}: {run:?}", self.kind, self.mode);
            if row["failures"] == 0 && row["generation"] == 2 {
                break;
            }
            sql::make_due(&self.stage.database);
        }
        self.is_healthy();
        let (refreshes, logins) = self.asked();
        let plural = if refreshes == 1 { "" } else { "es" };
        let logins = if logins > 0 { format!(" and {logins} login") } else { String::new() };
        format!("{how}; {refreshes} refresh{plural}{logins}")
    }

    #[track_caller]
    fn is_healthy(&self) {
        let row = self.host().status("quartile");
        assert_eq!(row["state"], "ok", "{} {:?}: {row}", self.kind, self.mode);
        assert_eq!(row["generation"], 2, "one answer a generation: {row}");
        let token = self.host().get("quartile");
        assert!(self.stage.sandbox.is_active(&token), "{} {:?}", self.kind, self.mode);
        let (refreshes, logins) = self.asked();
        assert!(refreshes <= 2 && logins <= 1, "{refreshes} refreshes, {logins} logins");
        assert!(self.stage.sandbox.counts().replays <= 1, "the single recovery try");
    }

    /// How often the provider was asked since the first login, for a refresh and for a login.
    fn asked(&self) -> (u64, u64) {
        let now = self.stage.sandbox.counts();
        let logins = now.logins - self.before.logins;
        (now.exchanges - self.before.exchanges - logins, logins)
    }
}

fn how_of(said: &str) -> Option<&'static str> {
    [("journal", "replayed"), ("refreshed", "refreshed"), ("logged in", "logged in")]
        .into_iter()
        .find(|(word, _)| said.contains(word))
        .map(|(_, how)| how)
}

/// The first may find the provider's refusal, the second logs in.
const RUNS: usize = 3;
