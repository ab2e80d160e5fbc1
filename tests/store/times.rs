//! Instants, and the database's clock.

use chrono::{DateTime, TimeDelta, Utc};

use tokenkeeper_shared::clock::{self, Clock, SystemClock};
use tokenkeeper_shared::seal::Seal;
use tokenkeeper_shared::store::{Commit, DueCursor, LEASE, Release, Role, Store};

use crate::ground::{Ground, on, on_each};
use crate::harness::databases::Kind;
use crate::keeping::{WORKER, answer, claimed, enrolled, failure, kept, name, noon, row};

#[test]
fn instants_beyond_2038_and_in_the_year_9999_come_back_as_they_were() {
    on_each(async |ground| {
        let store = ground.store().await;
        for text in FAR_INSTANTS {
            let far: DateTime<Utc> = text.parse().unwrap();
            let name = text.replace(':', "-");
            enrolled(&store, &name, noon()).await;
            let mut new = answer("access-1", "refresh-1", noon());
            let access = new.access.as_mut().unwrap();
            (access.expires_at, access.not_before) = (far, Some(far));
            new.refresh_token_expires = Some(far);
            let claim = claimed(&store, &name, noon()).await;
            let prepared = store.prepare(&claim, &new, far, far).unwrap();
            assert_eq!(store.commit(&prepared, far).await.unwrap(), Commit::Stored(1));

            let token = row(&store, &name).await;
            assert_eq!(token.access_token_expires, Some(far));
            assert_eq!(token.refresh_token_expires, Some(far));
            assert_eq!(token.not_before, Some(far));
            assert_eq!(token.refresh_at, far);
            assert_eq!(token.last_success_at, Some(far));
        }
    });
}

#[test]
fn claims_and_releases_know_instants_beyond_2038_too() {
    on_each(async |ground| {
        let store = ground.store().await;
        for text in FAR_INSTANTS {
            let far: DateTime<Utc> = text.parse().unwrap();
            let name = text.replace(':', "-");
            let token = enrolled(&store, &name, far).await;
            let due = store.due(far, DueCursor::default(), 1).await.unwrap();
            assert_eq!((due[0].id, due[0].refresh_at), (token.id, far));
            let mut claims = store.claim(&[token.id], WORKER, far).await.unwrap();
            let claim = claims.pop().unwrap().unwrap();
            assert_eq!(claim.token.lease_until, Some(clock::after(far, LEASE)));
            let release = Release {
                refresh_at: far,
                next_attempt_at: Some(far),
                uncertain_since: Some(far),
                ..failure(far)
            };
            assert!(store.release(&claim, &release, far).await.unwrap());
            let token = row(&store, &name).await;
            assert_eq!([token.next_attempt_at, token.uncertain_since], [Some(far); 2]);
            assert_eq!(token.last_error_at, Some(far));
            ground.run("DELETE FROM tokens").await;
        }
    });
}

#[test]
fn the_databases_time_is_utc_whatever_the_session_zone() {
    on_each(async |ground| {
        for (zone, offset) in [("Asia/Tokyo", "+09:00"), ("America/Chicago", "-06:00")] {
            set_zone(&ground, zone, offset).await;
            let store = zoned_store(&ground, offset);
            store.migrate().await.unwrap();
            store.enrol(&name("quartile"), "quartile", noon()).await.unwrap();
            let told = store.time().await.unwrap().now();
            assert!(is_now(told), "{told} in {zone}");
            let read = store.read(&name("quartile")).await.unwrap().unwrap().1;
            assert!(is_now(read), "{read} in {zone}");
        }
        set_zone(&ground, "UTC", "SYSTEM").await;
    });
}

#[test]
fn the_tutorials_view_shows_utc_whatever_the_session_zone() {
    on(&[Kind::Postgres], async |ground| {
        kept(&ground.store().await, "quartile", noon()).await;
        ground.run("UPDATE tokens SET provider = 'quartile'").await;
        for zone in ["Asia/Tokyo", "America/Chicago"] {
            set_zone(&ground, zone, "").await;
            let shown = ground.rows("SELECT created_at, updated_at FROM quartile_tokens").await;
            let utc = Some("2026-05-04 12:00:00".to_owned());
            assert_eq!(shown[0], [utc.clone(), utc], "{zone}");
        }
    });
}

/// Within a second of this host's clock, which is that of the private servers too.
fn is_now(instant: DateTime<Utc>) -> bool {
    (SystemClock::new().utc() - instant).abs() < TimeDelta::seconds(1)
}

/// For all sessions that begin from now on. A private MariaDB knows no zones by name.
async fn set_zone(ground: &Ground, zone: &str, offset: &str) {
    match ground.kind() {
        Kind::Sqlite => {}
        Kind::Postgres => {
            let sql = format!(
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone TO %L', \
                 current_database(), '{zone}'); END $$"
            );
            ground.run(&sql).await;
        }
        Kind::MySql => {
            let sql = format!("SET GLOBAL time_zone = '{offset}'");
            ground.run(&sql).await;
        }
    }
}

/// The driver puts MariaDB's sessions into UTC unless the address says otherwise.
fn zoned_store(ground: &Ground, offset: &str) -> Store {
    let zone = match ground.kind() {
        Kind::MySql => format!("?timezone={}", offset.replace('+', "%2B")),
        _ => String::new(),
    };
    let url = format!("{}{zone}", ground.database.url).parse().unwrap();
    Store::open(url, Seal::With(ground.ring.clone()), Role::Worker).unwrap()
}

const FAR_INSTANTS: [&str; 5] = [
    "2038-01-19T03:14:07.999Z",
    "2038-01-19T03:14:08Z",
    "2106-02-07T06:28:16.001Z",
    "9999-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
];
