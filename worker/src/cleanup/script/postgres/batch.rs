//! What stands around the conditions of a batch in PL/pgSQL, as in `text`.

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
