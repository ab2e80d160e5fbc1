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

pub(super) const TABLE: &str = "
    -- Whether {table} is the policy's.
    IF (SELECT relkind FROM pg_class WHERE oid = to_regclass('{table}')) IS DISTINCT FROM 'r' THEN
      RAISE EXCEPTION USING MESSAGE = 'there is no table {table}, this user may not see it, or it is partitioned';
    END IF;
";

pub(super) const COLUMN: &str = "    IF NOT EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('{table}') AND attname = {column}
      AND attnum > 0 AND NOT attisdropped AND format_type(atttypid, NULL) ~ '{types}') THEN
      RAISE EXCEPTION USING MESSAGE = 'the column {quoted} of {table} is missing or has another type: another version';
    END IF;
";

pub(super) const KEY: &str = "    IF (SELECT array_agg(CAST(attname AS text) ORDER BY CAST(attname AS text) COLLATE \"C\") FROM pg_constraint
      JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY(conkey)
      WHERE conrelid = to_regclass('{table}') AND contype = 'p') IS DISTINCT FROM ARRAY[{keys}] THEN
      RAISE EXCEPTION USING MESSAGE = 'the primary key of {table} has other columns: another version';
    END IF;
";

pub(super) const REFERENCES: &str = "    IF EXISTS (SELECT 1 FROM pg_constraint WHERE contype = 'f' AND confrelid = to_regclass('{table}')
      AND conrelid NOT IN (0{known})) THEN
      RAISE EXCEPTION USING MESSAGE = 'a table that the policy does not know refers to {table}: add it as a child';
    END IF;
";

pub(super) const FUTURE: &str = "    IF EXISTS (SELECT 1 FROM {table} WHERE {quoted} > tk_utc + interval '5 minutes' AND isfinite({quoted})) THEN
      RAISE EXCEPTION USING MESSAGE = 'the newest {quoted} of {table} lies in the future: its time zone is another one';
    END IF;
";

/// What a backup has of a table, and the backup itself where it is missing.
pub(super) const KEEP: &str = "    tk_there[{number}] := {is_there};
    IF tk_there[{number}] THEN
      SELECT string_agg(quote_ident(attname) || ', ', '' ORDER BY attnum),
        string_agg(CASE WHEN NOT is_hashed THEN 'gone.' || quote_ident(attname)
          WHEN atttypid = CAST('bytea' AS regtype) THEN 'encode(sha256(gone.' || quote_ident(attname) || '), ''hex'')'
          WHEN lower(attname) IN (''{texts}) THEN 'CASE WHEN gone.' || quote_ident(attname) || ' = '''' THEN '''' ELSE '
            || 'encode(sha256(convert_to(CAST(gone.' || quote_ident(attname) || ' AS text), ''UTF8'')), ''hex'') END'
          ELSE 'encode(sha256(convert_to(CAST(gone.' || quote_ident(attname) || ' AS text), ''UTF8'')), ''hex'')' END || ', ',
          '' ORDER BY attnum),
        string_agg(CASE WHEN is_hashed THEN 'CAST(NULL AS varchar(64)) AS ' ELSE '' END || quote_ident(attname) || ', ',
          '' ORDER BY attnum),
        jsonb_build_object('schema', {schema}, 'table', {name},
          'columns', COALESCE(jsonb_agg(attname ORDER BY attnum) FILTER (WHERE NOT is_hashed), jsonb_build_array()),
          'hashed', COALESCE(jsonb_agg(attname ORDER BY attnum) FILTER (WHERE is_hashed), jsonb_build_array()),
          'dropped', {left_out}, 'parent', {parent})
      INTO tk_columns, tk_text, tk_form, tk_step
      FROM (SELECT *, lower(attname) IN (''{hashed}) AS is_hashed FROM pg_attribute
        WHERE attrelid = to_regclass('{table}') AND attnum > 0 AND NOT attisdropped
        AND lower(attname) NOT IN (''{dropped})) found;
      tk_names[{number}] := tk_columns;
      tk_values[{number}] := tk_text;
      tk_kept[{target}] := tk_kept[{target}] || tk_step;
      IF to_regclass('{backup}') IS NULL THEN
        EXECUTE 'CREATE TABLE {backup} AS SELECT ' || tk_form || 'CAST(NULL AS varchar(64)) AS tokenkeeper_run, '
          || 'CAST(NULL AS bigint) AS tokenkeeper_batch, CAST(NULL AS varchar(64)) AS tokenkeeper_reason, '
          || 'CAST(NULL AS timestamptz) AS tokenkeeper_deleted_at FROM {table} WHERE 1 = 0';
        EXECUTE 'CREATE INDEX ON {backup} (tokenkeeper_run, tokenkeeper_batch)';
      END IF;
      SELECT MIN(own.attname) INTO tk_found FROM pg_attribute own
      WHERE own.attrelid = to_regclass('{table}') AND own.attnum > 0 AND NOT own.attisdropped
      AND lower(own.attname) NOT IN (''{dropped})
      AND (own.attname !~ '^[A-Za-z_][A-Za-z0-9_]*$' OR NOT EXISTS (SELECT 1 FROM pg_attribute kept
        WHERE kept.attrelid = to_regclass('{backup}') AND kept.attname = own.attname AND NOT kept.attisdropped
        AND CASE WHEN lower(own.attname) IN (''{hashed})
          THEN format_type(kept.atttypid, NULL) ~ 'char|text' AND (kept.atttypmod = -1 OR kept.atttypmod >= 68)
          ELSE kept.atttypid = own.atttypid AND kept.atttypmod = own.atttypmod END));
      IF tk_found IS NOT NULL THEN
        RAISE EXCEPTION USING MESSAGE = 'the backup table {backup} has no column that takes the values of ' || tk_found
          || ': rename the table, and a new one is made';
      END IF;
    END IF;
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

pub(super) const TARGET: &str = "
  IF tk_failure IS NULL AND to_regclass('{table}') IS NOT NULL THEN
    tk_pages := pg_relation_size(to_regclass('{table}')) / CAST(current_setting('block_size') AS bigint);
    tk_page := 0;
    tk_low := '(0,0)';
    tk_size := 1000;
    tk_began := tk_batch;
    tk_tries := 0;
    tk_left := 0;
    tk_longest := 0;
    tk_took := 0;
    tk_reasons := jsonb_build_object();
    tk_children := jsonb_build_object();
    tk_skipped := jsonb_build_array();
    tk_tally := {tally};
    WHILE tk_page < tk_pages AND tk_failure IS NULL LOOP
      tk_batch := tk_batch + 1;
      tk_at := clock_timestamp();
      tk_high := CAST('(' || tk_page + 128 || ',0)' AS tid);
      tk_picked := NULL;
      tk_step := jsonb_build_object();
      tk_counted := jsonb_build_object();
      BEGIN
        PERFORM set_config('lock_timeout', '2s', true);
        EXECUTE $tokenkeeper_sql$SELECT array_agg(place) FROM (SELECT {name}.ctid AS place FROM {table}
          WHERE {name}.ctid > $4 AND {name}.ctid < $5 AND {doomed}
          LIMIT $6 FOR UPDATE OF {name} SKIP LOCKED) picked$tokenkeeper_sql$
          INTO tk_picked USING {using};
        tk_gone := COALESCE(cardinality(tk_picked), 0);
        IF tk_gone > 0 THEN
";

pub(super) const TAKE_CHILD: &str = "          IF tk_there[{number}] THEN
            EXECUTE $tokenkeeper_sql$WITH gone AS (DELETE FROM {table} WHERE {belongs} RETURNING {name}.*)
              INSERT INTO {backup} ($tokenkeeper_sql$ || tk_names[{number}] || $tokenkeeper_sql$tokenkeeper_run, tokenkeeper_batch,
              tokenkeeper_reason, tokenkeeper_deleted_at) SELECT $tokenkeeper_sql$ || tk_values[{number}] || $tokenkeeper_sql$$2, $3,
              NULL, clock_timestamp() FROM gone$tokenkeeper_sql$ USING {using};
            GET DIAGNOSTICS tk_count = ROW_COUNT;
            tk_step := tk_step || jsonb_build_object({policy_table}, tk_count);
          END IF;
";

pub(super) const CANDIDATES: &str = "          IF tk_there[{number}] THEN
            EXECUTE $tokenkeeper_sql$SELECT array_agg(place) FROM (SELECT {name}.ctid AS place FROM {table} WHERE {belongs}
              FOR UPDATE OF {name}) picked$tokenkeeper_sql$ INTO tk_orphans_{number} USING {using};
          END IF;
";

pub(super) const TAKE: &str = "          EXECUTE $tokenkeeper_sql$WITH gone AS (DELETE FROM {table} WHERE {name}.ctid = ANY($1) AND {doomed}
              RETURNING {name}.*, {reason} AS tokenkeeper_reason),
            copied AS (INSERT INTO {backup} ($tokenkeeper_sql$ || tk_names[{number}] || $tokenkeeper_sql$tokenkeeper_run,
              tokenkeeper_batch, tokenkeeper_reason, tokenkeeper_deleted_at) SELECT $tokenkeeper_sql$ || tk_values[{number}]
              || $tokenkeeper_sql$$2, $3, gone.tokenkeeper_reason, clock_timestamp() FROM gone)
            SELECT jsonb_object_agg(tokenkeeper_reason, rows), SUM(rows) FROM
              (SELECT tokenkeeper_reason, COUNT(*) AS rows FROM gone GROUP BY 1) counted$tokenkeeper_sql$
            INTO tk_counted, tk_count USING {using};
          -- Some may not go any more: then their children must stay, too.
          IF tk_count IS DISTINCT FROM tk_gone THEN
            RAISE EXCEPTION USING ERRCODE = 'TK001', MESSAGE = 'rows have changed meanwhile';
          END IF;
";

pub(super) const END: &str = "        END IF;
        tk_tries := 0;
      EXCEPTION
        WHEN lock_not_available OR deadlock_detected OR serialization_failure OR foreign_key_violation OR SQLSTATE 'TK001' THEN
          tk_gone := -1;
          tk_tries := tk_tries + 1;
          tk_found := SQLERRM;
        WHEN OTHERS THEN
          tk_gone := 0;
          tk_failure := SQLERRM;
      END;
      IF tk_gone = -1 AND tk_size > 1 THEN
        -- One row may stand in the way: fewer are tried.
        tk_size := tk_size / 8 + CASE WHEN tk_size < 8 THEN 1 ELSE 0 END;
      ELSIF tk_gone = -1 AND tk_picked IS NOT NULL THEN
        tk_low := tk_picked[1];
        tk_tries := 0;
        IF jsonb_array_length(tk_skipped) < 100 THEN
          tk_skipped := tk_skipped || to_jsonb('row ' || CAST(tk_low AS text) || ': ' || tk_found);
        END IF;
      ELSIF tk_gone = -1 THEN
        tk_failure := CASE WHEN tk_tries > 10 THEN tk_found END;
      ELSIF tk_gone < tk_size AND tk_failure IS NULL THEN
        tk_page := tk_page + 128;
        tk_low := CAST('(' || tk_page || ',0)' AS tid);
      ELSE
        tk_size := LEAST(1000, tk_size * 8);
      END IF;
      IF tk_gone > 0 THEN
        SELECT jsonb_object_agg(key, rows) INTO tk_reasons FROM (SELECT key, SUM(CAST(value AS bigint)) AS rows
          FROM (SELECT * FROM jsonb_each_text(tk_reasons) UNION ALL SELECT * FROM jsonb_each_text(tk_counted)) both_halves
          GROUP BY key) counted;
        SELECT COALESCE(jsonb_object_agg(key, rows), jsonb_build_object()) INTO tk_children FROM (SELECT key,
          SUM(CAST(value AS bigint)) AS rows FROM (SELECT * FROM jsonb_each_text(tk_children)
          UNION ALL SELECT * FROM jsonb_each_text(tk_step)) both_halves GROUP BY key) counted;
      END IF;
      tk_count := CAST(EXTRACT(EPOCH FROM clock_timestamp() - tk_at) * 1000 AS bigint);
      tk_took := tk_took + tk_count;
      tk_longest := GREATEST(tk_longest, tk_count);
      tk_tally := {tally};
      UPDATE tokenkeeper_cleanup_runs SET lease_until = {millis} + 300000, progress = CAST({progress_with} AS text)
      WHERE run = tk_run AND status = 'running' AND fence = 1;
      IF FOUND THEN
        COMMIT;
      ELSE
        ROLLBACK;
        tk_failure := 'somebody has ended this run in tokenkeeper_cleanup_runs';
      END IF;
    END LOOP;
    IF tk_failure IS NULL THEN
      EXECUTE $tokenkeeper_sql$SELECT COUNT(*) FROM {table} WHERE {doomed}$tokenkeeper_sql$ INTO tk_left USING {using};
      tk_all_left := tk_all_left + tk_left;
    END IF;
    tk_tallies := tk_tallies || {tally};
  END IF;
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
