//! The provider: grants, and what a refresh token is answered the first time and again, as the
//! sandbox does it. What happens to requests and answers on their way lies in `wire`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::clock;

/// What happens when a refresh token is spent, and when it is presented once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    Strict,
    Grace(Duration),
    ReissueIfUnused,
    None,
}

/// Every token ever issued: `a0`, `a1`, … and `r0`, `r1`, ….
#[derive(Debug)]
pub struct Provider {
    pub rotation: Rotation,
    pub life: Duration,
    /// Which password it takes.
    pub password: u32,
    revoked: Vec<bool>,
    access: Vec<Access>,
    pub refresh: Vec<Refresh>,
}

#[derive(Debug)]
struct Access {
    expires: DateTime<Utc>,
    shown: bool,
}

#[derive(Debug)]
pub struct Refresh {
    grant: usize,
    standing: Standing,
    /// How often it was presented, but for what a human forced.
    pub presented: u32,
}

#[derive(Debug, Clone, Copy)]
enum Standing {
    Live,
    Spent { at: DateTime<Utc>, successor: Pair },
    Orphaned,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    access: usize,
    refresh: usize,
}

/// What one exchange yields.
#[derive(Debug, Clone)]
pub struct Issued {
    pub access: String,
    pub left: Duration,
    pub refresh: Option<String>,
}

impl Provider {
    pub fn new(rotation: Rotation, life: Duration) -> Self {
        let (revoked, access, refresh) = (Vec::new(), Vec::new(), Vec::new());
        Self { rotation, life, password: 0, revoked, access, refresh }
    }

    pub fn open(&mut self, now: DateTime<Utc>) -> Issued {
        self.revoked.push(false);
        let pair = self.issue(self.revoked.len() - 1, now);
        self.issued(pair, now)
    }

    /// Spends a refresh token; `None` refuses it.
    pub fn spend(&mut self, token: &str, forced: bool, now: DateTime<Utc>) -> Option<Issued> {
        let at = index(token);
        self.refresh[at].presented += u32::from(!forced);
        let Refresh { grant, standing, .. } = self.refresh[at];
        if self.revoked[grant] {
            return None;
        }
        match (standing, self.rotation) {
            (Standing::Live, Rotation::None) => Some(self.renew(now)),
            (Standing::Live, _) => Some(self.rotate(at, now)),
            (Standing::Spent { at: spent, successor }, Rotation::Grace(window))
                if clock::until(spent, now) < window =>
            {
                Some(self.issued(successor, now))
            }
            (Standing::Spent { successor, .. }, Rotation::ReissueIfUnused)
                if !self.is_used(successor) =>
            {
                self.refresh[successor.refresh].standing = Standing::Orphaned;
                Some(self.rotate(at, now))
            }
            _ => {
                self.revoked[grant] = true;
                None
            }
        }
    }

    /// A protected resource has seen the access token.
    pub fn show(&mut self, access: &str) {
        self.access[index(access)].shown = true;
    }

    pub fn is_live(&self, refresh: &str) -> bool {
        let refresh = &self.refresh[index(refresh)];
        matches!(refresh.standing, Standing::Live) && !self.revoked[refresh.grant]
    }

    pub fn revoke_all(&mut self) {
        self.revoked.fill(true);
    }

    /// Until when an access token works, as was promised when it was issued.
    pub fn promised(&self, access: &str) -> DateTime<Utc> {
        self.access[index(access)].expires
    }

    fn is_used(&self, pair: Pair) -> bool {
        let is_superseded = !matches!(self.refresh[pair.refresh].standing, Standing::Live);
        self.access[pair.access].shown || is_superseded
    }

    fn renew(&mut self, now: DateTime<Utc>) -> Issued {
        let access = self.issue_access(now);
        Issued { access: format!("a{access}"), left: self.life, refresh: None }
    }

    fn rotate(&mut self, at: usize, now: DateTime<Utc>) -> Issued {
        let successor = self.issue(self.refresh[at].grant, now);
        self.refresh[at].standing = Standing::Spent { at: now, successor };
        self.issued(successor, now)
    }

    fn issue(&mut self, grant: usize, now: DateTime<Utc>) -> Pair {
        let access = self.issue_access(now);
        self.refresh.push(Refresh { grant, standing: Standing::Live, presented: 0 });
        Pair { access, refresh: self.refresh.len() - 1 }
    }

    fn issue_access(&mut self, now: DateTime<Utc>) -> usize {
        let expires = clock::after(now, self.life);
        self.access.push(Access { expires, shown: false });
        self.access.len() - 1
    }

    fn issued(&self, pair: Pair, now: DateTime<Utc>) -> Issued {
        let left = clock::until(now, self.access[pair.access].expires);
        let (access, refresh) = (format!("a{}", pair.access), format!("r{}", pair.refresh));
        Issued { access, left, refresh: Some(refresh) }
    }
}

fn index(token: &str) -> usize {
    token[1..].parse().unwrap()
}
