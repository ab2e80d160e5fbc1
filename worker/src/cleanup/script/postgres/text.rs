//! What stands around the conditions in PL/pgSQL. Names in braces are put in by the room above; what a statement is
//! given: $1 the places of the picked rows, $2 the run, $3 the batch, $4 and $5 the ends of the window, $6 how many rows, $7
//! the places of orphans, and then the cut-offs.

pub(super) const HEAD: &str = "
CREATE OR REPLACE PROCEDURE {procedure}() LANGUAGE plpgsql AS $tokenkeeper_body$
DECLARE
  -- The clock is read once: all cut-offs are taken from here.
  tk_now timestamptz := date_trunc('milliseconds', clock_timestamp());
  tk_utc timestamp := tk_now AT TIME ZONE 'UTC';
  tk_server timestamp;
  tk_offset bigint;
  tk_lock bigint := hashtextextended('tokenkeeper ' || {policy}, 0);
  tk_run text := CAST(gen_random_uuid() AS text);
  tk_other text;
  tk_found text;
  tk_form text;
  tk_columns text;
  tk_text text;
  tk_names text[];
  tk_values text[];
  tk_there boolean[];
  tk_kept jsonb[];
  tk_tallies jsonb := jsonb_build_array();
  tk_tally jsonb;
  tk_reasons jsonb;
  tk_children jsonb;
  tk_skipped jsonb;
  tk_counted jsonb;
  tk_step jsonb;
  tk_batch bigint := 0;
  tk_began bigint;
  tk_size bigint;
  tk_page bigint;
  tk_pages bigint;
  tk_tries bigint;
  tk_count bigint;
  tk_gone bigint;
  tk_left bigint;
  tk_all_left bigint := 0;
  tk_longest bigint;
  tk_took bigint;
  tk_at timestamptz;
  tk_low tid;
  tk_high tid;
  tk_picked tid[];
  tk_failure text;
";

pub(super) const LOCK: &str = "BEGIN
  IF NOT pg_try_advisory_lock(tk_lock) THEN
    RAISE NOTICE 'a run of the policy is at work: nothing was done';
    RETURN;
  END IF;
  -- Nothing is deleted before all of this has passed; where it does not, the lock is given back.
  BEGIN
    IF CAST(current_setting('server_version_num') AS integer) < 140000 THEN
      RAISE EXCEPTION 'this server is older than PostgreSQL 14: it is not cleaned';
    END IF;
    PERFORM set_config('lock_timeout', '2s', true);
    -- The least offset that the server's zone has: in summer rows stay an hour longer.
    ";

pub(super) const ZONE: &str = " INTO tk_offset;
    IF tk_offset IS NULL THEN
      BEGIN
        ";

pub(super) const ZONE_OF_FILES: &str = " INTO tk_offset;
      EXCEPTION WHEN insufficient_privilege THEN
        tk_offset := NULL;
      END;
    END IF;
    tk_offset := COALESCE(tk_offset, ";

pub(super) const ZONE_END: &str = ");
    tk_server := tk_utc + make_interval(secs => tk_offset);
";

pub(super) const CLAIM: &str = ";
    END IF;
    -- Our own runs that were cut off; those of others are theirs.
    UPDATE tokenkeeper_cleanup_runs SET status = 'failed', ended_at = {millis}
    WHERE policy = {policy} AND status = 'running' AND lease_until < {millis} AND digest = 'job';
    SELECT run INTO tk_other FROM tokenkeeper_cleanup_runs WHERE policy = {policy} AND status = 'running'
    AND lease_until < {millis};
    IF tk_other IS NOT NULL THEN
      RAISE EXCEPTION USING MESSAGE = 'the run ' || tk_other || ' was cut off: finish it with tokenkeeper-worker cleanup, or '
        || 'set its status to ''failed'' in tokenkeeper_cleanup_runs';
    END IF;
    SELECT run INTO tk_other FROM tokenkeeper_cleanup_runs WHERE policy = {policy} AND status = 'running';
    IF tk_other IS NULL THEN
      INSERT INTO tokenkeeper_cleanup_runs (run, policy, digest, slot, status, runner, fence, lease_until, cut_off,
        server_offset, started_at, progress)
      VALUES (tk_run, {policy}, 'job', to_char(tk_utc, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), 'running',
        'the job ' || {job} || ', process ' || pg_backend_pid(), 1, {millis} + 300000,
        CAST(EXTRACT(EPOCH FROM tk_now) * 1000 AS bigint), tk_offset, {millis}, CAST({progress} AS text));
    END IF;
  EXCEPTION WHEN OTHERS THEN
    PERFORM pg_advisory_unlock(tk_lock);
    RAISE;
  END;
  IF tk_other IS NOT NULL THEN
    PERFORM pg_advisory_unlock(tk_lock);
    RAISE NOTICE 'the run % is at work: nothing was done', tk_other;
    RETURN;
  END IF;
  COMMIT;
";

pub(super) const TALLY: &str = "jsonb_build_object('target', {target_name}, 'table', {policy_table}, 'deleted',
      (SELECT COALESCE(SUM(CAST(value AS bigint)), 0) FROM jsonb_each_text(tk_reasons)), 'reasons', tk_reasons,
      'children', tk_children, 'longest_batch_ms', tk_longest, 'took_ms', tk_took, 'skipped', tk_skipped, 'left', tk_left,
      'began_with', tk_began, 'backups', tk_kept[{target}])";

pub(super) const PROGRESS: &str = "jsonb_build_object('target', jsonb_array_length(tk_tallies), 'pass', 0, 'position', NULL,
        'is_over', false, 'batch', tk_batch, 'began_with', COALESCE(tk_began, 0), 'targets', tk_tallies)";

pub(super) const PROGRESS_WITH: &str = "jsonb_build_object('target', jsonb_array_length(tk_tallies), 'pass', 0, 'position', NULL,
        'is_over', false, 'batch', tk_batch, 'began_with', tk_began, 'targets', tk_tallies || tk_tally)";

pub(super) const FOOT: &str = "
  UPDATE tokenkeeper_cleanup_runs SET ended_at = {millis}, progress = CAST({progress} AS text),
    status = CASE WHEN tk_failure IS NOT NULL THEN 'failed' WHEN tk_all_left > 0 THEN 'partly' ELSE 'done' END
  WHERE run = tk_run AND status = 'running' AND fence = 1;
  COMMIT;
  PERFORM pg_advisory_unlock(tk_lock);
  IF tk_failure IS NOT NULL THEN
    RAISE EXCEPTION USING MESSAGE = tk_failure;
  END IF;
  RAISE NOTICE 'the run % has ended, % dead rows are left', tk_run, tk_all_left;
END
$tokenkeeper_body$;
";
