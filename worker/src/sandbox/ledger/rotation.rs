//! What a refresh token is answered when it is presented: the first time, and again.
//! Issuing and expiry are not here but in `ledger`.

use std::time::Instant;

use super::{Issued, Ledger, Pair, Standing};
use crate::sandbox::settings::{Rotation, Settings};

/// What a refresh token gets that was spent already.
enum Repeat {
    /// Answer this pair once more.
    Same(Pair),
    /// Answer another pair; this one dies.
    Instead(Pair),
    /// Somebody else may hold the token: the grant dies.
    Reuse,
}

impl Ledger {
    /// Spends a refresh token; `None` refuses it (unknown, expired, revoked, or reused).
    pub fn spend(&mut self, settings: &Settings, token: &str, now: Instant) -> Option<Issued> {
        let refresh = self.refresh.get(token)?;
        let grant = refresh.grant;
        self.left(grant, refresh.expires, now)?;
        if matches!(refresh.standing, Standing::Live) {
            return Some(self.renew(settings, grant, token, now));
        }
        match self.repeat(settings.rotation, token, now) {
            Repeat::Same(pair) => Some(self.issued(&pair, grant, now)),
            Repeat::Instead(orphan) => {
                self.bury(&orphan);
                let pair = self.rotate(settings, grant, token, now);
                Some(self.issued(&pair, grant, now))
            }
            Repeat::Reuse => {
                self.grants[grant].revoked = true;
                None
            }
        }
    }

    fn renew(&mut self, settings: &Settings, grant: usize, token: &str, now: Instant) -> Issued {
        if settings.refresh_ends_access
            && let Some(refresh) = self.refresh.get(token)
        {
            self.access.remove(&refresh.access);
        }
        let pair = match settings.rotation {
            Rotation::None => self.renew_access(settings, grant, token, now),
            _ => self.rotate(settings, grant, token, now),
        };
        self.issued(&pair, grant, now)
    }

    fn renew_access(
        &mut self,
        settings: &Settings,
        grant: usize,
        token: &str,
        now: Instant,
    ) -> Pair {
        let access = self.issue_access(settings, grant, now);
        if let Some(refresh) = self.refresh.get_mut(token) {
            refresh.access.clone_from(&access);
        }
        Pair { access, refresh: String::new() }
    }

    fn rotate(&mut self, settings: &Settings, grant: usize, token: &str, now: Instant) -> Pair {
        let successor = self.issue_pair(settings, grant, now);
        if let Some(refresh) = self.refresh.get_mut(token) {
            refresh.standing = Standing::Spent { at: now, successor: successor.clone() };
        }
        successor
    }

    fn repeat(&self, rotation: Rotation, token: &str, now: Instant) -> Repeat {
        let standing = self.refresh.get(token).map(|refresh| &refresh.standing);
        let Some(Standing::Spent { at, successor }) = standing else {
            return Repeat::Reuse;
        };
        let age = now.saturating_duration_since(*at);
        match rotation {
            Rotation::Grace(window) if age < window => Repeat::Same(successor.clone()),
            Rotation::ReissueIfUnused if !self.is_used(successor) => {
                Repeat::Instead(successor.clone())
            }
            _ => Repeat::Reuse,
        }
    }

    fn is_used(&self, pair: &Pair) -> bool {
        let shown = self.access.get(&pair.access).is_some_and(|access| access.shown);
        shown || self.is_superseded(&pair.refresh)
    }

    fn bury(&mut self, orphan: &Pair) {
        self.access.remove(&orphan.access);
        if let Some(refresh) = self.refresh.get_mut(&orphan.refresh) {
            refresh.standing = Standing::Orphaned;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Issued, Ledger, Rotation, Settings};
    use crate::sandbox::provider::instant;

    struct Scene {
        ledger: Ledger,
        settings: Settings,
        now: Instant,
    }

    impl Scene {
        fn new(rotation: Rotation) -> (Self, Issued) {
            let settings = Settings { rotation, ..Settings::default() };
            let mut scene = Self { ledger: Ledger::default(), settings, now: instant() };
            let first = scene.ledger.open(&scene.settings, None, scene.now);
            (scene, first)
        }

        fn spend(&mut self, token: &str) -> Option<Issued> {
            self.ledger.spend(&self.settings, token, self.now)
        }

        fn is_active(&self, issued: &Issued) -> bool {
            self.ledger.is_active(&issued.access, self.now)
        }
    }

    fn refresh_token(issued: &Issued) -> &str {
        &issued.refresh.as_ref().unwrap().0
    }

    #[test]
    fn a_refresh_leaves_the_old_access_token_alone_or_ends_it_as_told() {
        for refresh_ends_access in [false, true] {
            for rotation in [Rotation::Strict, Rotation::None] {
                let (mut scene, first) = Scene::new(rotation);
                scene.settings.refresh_ends_access = refresh_ends_access;
                let second = scene.spend(refresh_token(&first)).unwrap();
                assert_eq!(scene.is_active(&first), !refresh_ends_access);
                assert!(scene.is_active(&second));
            }
        }
    }

    #[test]
    fn strict_rotation_revokes_the_grant_when_a_token_is_spent_twice() {
        let (mut scene, first) = Scene::new(Rotation::Strict);
        let second = scene.spend(refresh_token(&first)).unwrap();
        assert!(scene.spend(refresh_token(&first)).is_none());
        assert!(!scene.is_active(&first) && !scene.is_active(&second));
        assert!(scene.spend(refresh_token(&second)).is_none());
    }

    #[test]
    fn a_revoked_grant_leaves_other_grants_alone() {
        let (mut scene, first) = Scene::new(Rotation::Strict);
        let other = scene.ledger.open(&scene.settings, None, scene.now);
        scene.spend(refresh_token(&first)).unwrap();
        assert!(scene.spend(refresh_token(&first)).is_none());
        assert!(scene.spend(refresh_token(&other)).is_some());
    }

    #[test]
    fn grace_answers_the_same_pair_inside_the_window_and_revokes_after_it() {
        let (mut scene, first) = Scene::new(Rotation::Grace(Duration::from_mins(1)));
        let second = scene.spend(refresh_token(&first)).unwrap();
        scene.now += Duration::from_secs(59);
        let again = scene.spend(refresh_token(&first)).unwrap();
        assert_eq!(
            (&again.access, refresh_token(&again)),
            (&second.access, refresh_token(&second))
        );
        assert_eq!(again.access_left + Duration::from_secs(59), second.access_left);
        scene.now += Duration::from_secs(1);
        assert!(scene.spend(refresh_token(&first)).is_none());
        assert!(!scene.is_active(&second));
    }

    #[test]
    fn a_reissue_replaces_a_pair_that_nobody_used() {
        let (mut scene, first) = Scene::new(Rotation::ReissueIfUnused);
        let lost = scene.spend(refresh_token(&first)).unwrap();
        let second = scene.spend(refresh_token(&first)).unwrap();
        assert_ne!(lost.access, second.access);
        assert!(!scene.is_active(&lost) && scene.is_active(&second));
        assert!(scene.spend(refresh_token(&second)).is_some());
    }

    #[test]
    fn a_lost_pair_that_turns_up_after_a_reissue_is_reuse() {
        let (mut scene, first) = Scene::new(Rotation::ReissueIfUnused);
        let lost = scene.spend(refresh_token(&first)).unwrap();
        let second = scene.spend(refresh_token(&first)).unwrap();
        assert!(scene.spend(refresh_token(&lost)).is_none());
        assert!(!scene.is_active(&second));
    }

    #[test]
    fn nothing_is_reissued_once_the_new_refresh_token_was_spent() {
        let (mut scene, first) = Scene::new(Rotation::ReissueIfUnused);
        let second = scene.spend(refresh_token(&first)).unwrap();
        let third = scene.spend(refresh_token(&second)).unwrap();
        assert!(scene.spend(refresh_token(&first)).is_none());
        assert!(!scene.is_active(&third));
    }

    #[test]
    fn nothing_is_reissued_once_the_new_access_token_was_shown() {
        let (mut scene, first) = Scene::new(Rotation::ReissueIfUnused);
        let second = scene.spend(refresh_token(&first)).unwrap();
        scene.ledger.mark_shown(&second.access);
        assert!(scene.spend(refresh_token(&first)).is_none());
    }

    #[test]
    fn without_rotation_one_refresh_token_is_spent_for_ever() {
        let (mut scene, first) = Scene::new(Rotation::None);
        for _ in 0..3 {
            let renewed = scene.spend(refresh_token(&first)).unwrap();
            assert!(renewed.refresh.is_none() && scene.is_active(&renewed));
        }
        assert!(!scene.ledger.is_superseded(refresh_token(&first)));
    }
}
