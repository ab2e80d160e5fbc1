//! PostgreSQL: what the cleaned server knows of the standbys that are connected to it, or what named ones say. Only
//! positions in the log are read: `replay_lag` stands still while a standby is paused.

use tokenkeeper_shared::{clock::Clock, store::StoreError};

use super::{Standing, Standings, State, UNREACHED};
use crate::cleanup::{
    database::{Database, Texts},
    dialect::Dialect,
    policy::Case,
    sql::Sql,
};

/// Whether this user sees how far standbys are, and whether there is one.
pub(super) async fn may_look(database: &Database) -> Result<Option<&'static str>, StoreError> {
    let rows = database.rows(&sql(MAY_LOOK)).await?;
    let [may, user] = cells(rows.first());
    if may.as_deref() != Some("true") {
        let user = user.unwrap_or_default();
        return Err(StoreError::Unfit(format!(
            "this user may not see how far replicas are: GRANT pg_read_all_stats TO {user}"
        )));
    }
    let rows = database.rows(&sql(CONNECTED)).await?;
    let is_there = rows.iter().any(|row| Walsender::read(row).is_some());
    Ok((!is_there).then_some(
        "warning: no replica is connected to this server, and --max-lag waits for none: name by --replica those that \
         are to be waited for",
    ))
}

/// Whether a server that was named is a standby.
pub(super) async fn check(replica: &Database) -> Result<(), StoreError> {
    let no_replica = |_| StoreError::Unfit("it is no replica: name one".to_owned());
    replayed(replica).await?.map(drop).map_err(no_replica)
}

/// How far a standby has come, by itself.
pub(super) async fn replayed(replica: &Database) -> Result<Result<u64, Standing>, StoreError> {
    let rows = replica.rows(&sql(REPLAYED)).await?;
    let [is_standby, replayed] = cells(rows.first());
    if is_standby.as_deref() != Some("true") {
        return Ok(Err(Standing::Unknown("is no replica any more".to_owned())));
    }
    Ok(Ok(position(replayed.as_deref()).unwrap_or_default()))
}

/// Notes where the cleaned server's log ends.
pub(super) async fn note(
    database: &Database,
    state: &mut State,
    clock: &dyn Clock,
) -> Result<(), StoreError> {
    let end = position(database.cell(&sql(END)).await?.as_deref());
    state.marks.note(end.unwrap_or_default(), clock.monotonic());
    Ok(())
}

/// How all stand that are connected, and those that were.
pub(super) async fn connected(
    database: &Database,
    state: &mut State,
    clock: &dyn Clock,
) -> Result<Standings, StoreError> {
    let rows = database.rows(&sql(CONNECTED)).await?;
    let now = clock.monotonic();
    let [end] = cells(rows.first());
    state.marks.note(position(end.as_deref()).unwrap_or_default(), now);
    let (mut standings, mut there) = (Standings::new(), State::default().replayed);
    for walsender in rows.iter().filter_map(Walsender::read) {
        match walsender.replayed {
            // Two of one name: the one that is less far counts.
            Some(replayed) => {
                let least = there.entry(walsender.name).or_insert(replayed);
                *least = replayed.min(*least);
            }
            None => standings.push((walsender.name, Standing::Unknown(UNREACHED.to_owned()))),
        }
    }
    for (name, replayed) in &state.replayed {
        if !there.contains_key(name) {
            let standing = match state.standing(*replayed, now) {
                Standing::Lags(lag) => Standing::Lags(lag),
                Standing::Unknown(_) => Standing::Unknown("is not connected any more".to_owned()),
            };
            standings.push((name.clone(), standing));
        }
    }
    let lags = there.iter().map(|(name, at)| (name.clone(), state.standing(*at, now)));
    standings.extend(lags);
    state.replayed.append(&mut there);
    let least = state.replayed.values().min().copied();
    state.marks.forget(least.unwrap_or(u64::MAX));
    Ok(standings)
}

/// One that the cleaned server sends its log to.
struct Walsender {
    name: String,
    replayed: Option<u64>,
}

impl Walsender {
    /// None: nobody is there, or it keeps the log and replays nothing.
    fn read(row: &Texts) -> Option<Self> {
        let [_, process, name, host, replayed, written] = cells(Some(row));
        process?;
        let replayed = position(replayed.as_deref());
        if replayed.is_none() && written.is_some() {
            return None;
        }
        let name = name.unwrap_or_default();
        let name = host.map_or_else(|| name.clone(), |host| format!("{name} at {host}"));
        Some(Self { name, replayed })
    }
}

fn cells<const COUNT: usize>(row: Option<&Texts>) -> [Option<String>; COUNT] {
    std::array::from_fn(|at| row.and_then(|row| row.get(at)).cloned().flatten())
}

fn position(text: Option<&str>) -> Option<u64> {
    text.and_then(|text| text.parse().ok())
}

fn sql(statement: &'static str) -> Sql {
    let mut sql = Sql::new(Dialect::Postgres, Case::Exact);
    sql.push(statement);
    sql
}

/// `pg_monitor` has it, and superusers have.
const MAY_LOOK: &str = "SELECT CAST(pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS text), \
     quote_ident(current_user)";
const END: &str = "SELECT CAST(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS text)";
const REPLAYED: &str = "SELECT CAST(pg_is_in_recovery() AS text), \
     CAST(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') AS text)";
/// The log's end comes in each row, also where nobody is connected. `pg_basebackup` is no replica yet.
const CONNECTED: &str = "SELECT CAST(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS text), CAST(pid AS text), \
     application_name, host(client_addr), CAST(pg_wal_lsn_diff(replay_lsn, '0/0') AS text), \
     CAST(pg_wal_lsn_diff(write_lsn, '0/0') AS text) \
     FROM (SELECT 1) one LEFT JOIN pg_stat_replication ON state IS DISTINCT FROM 'backup'";
