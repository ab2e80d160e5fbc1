//! What stands around the conditions in a procedure of MySQL. Names in braces are put in by the room above. What runs as
//! prepared text sees user variables alone, so that these are used wherever it needs them.

pub(super) const HEAD: &str = "
CREATE PROCEDURE {procedure}() MODIFIES SQL DATA SQL SECURITY INVOKER COMMENT {ours}
tk_all: BEGIN
  DECLARE tk_lock VARCHAR(64) DEFAULT CONCAT('tokenkeeper ', LEFT(SHA2(CONCAT(DATABASE(), '.', {policy}), 256), 40));
  DECLARE tk_zone VARCHAR(64) DEFAULT @@SESSION.time_zone;
  DECLARE tk_other VARCHAR(36) DEFAULT NULL;
  DECLARE tk_failure, tk_found, tk_message VARCHAR(500) DEFAULT NULL;
  DECLARE tk_tallies, tk_tally, tk_skipped LONGTEXT DEFAULT '';
  DECLARE tk_code, tk_gone, tk_rows, tk_size, tk_tries, tk_took, tk_longest, tk_began, tk_left, tk_all_left, tk_ms BIGINT DEFAULT 0;
  DECLARE tk_at DATETIME(3);
  DECLARE tk_is_last, tk_is_done BOOLEAN DEFAULT FALSE;
  IF GET_LOCK(tk_lock, 0) <> 1 THEN
    SELECT 'a run of the policy is at work: nothing was done' AS told;
    LEAVE tk_all;
  END IF;
  -- Nothing is deleted before all of this has passed; where it does not, the lock is given back.
  BEGIN
    DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN
      SET SESSION time_zone = tk_zone;
      DO RELEASE_LOCK(tk_lock);
      RESIGNAL;
    END;
    COMMIT;
    SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SET SESSION innodb_lock_wait_timeout = 2, SESSION lock_wait_timeout = 2, SESSION group_concat_max_len = 1000000;
    -- A TIMESTAMP is read as the product wrote it in the server's zone alone; an event has another one.
    SET SESSION time_zone = @@GLOBAL.time_zone;
    -- The clock is read once: all cut-offs are taken from here.
    SET @tk_utc = UTC_TIMESTAMP(3), @tk_run = UUID(), @tk_batch = 0;
    SET @tk_skip = IF(VERSION() LIKE '%MariaDB%',
      IF(VERSION() REGEXP '^(10[.]([6-9]|1[0-9])|1[1-9]|[2-9][0-9])', ' SKIP LOCKED', ''),
      IF(VERSION() REGEXP '^([89]|[1-9][0-9])[.]', ' SKIP LOCKED', ''));
    -- The least offset that the server's zone has: in summer rows stay an hour longer.
    SET @tk_offset = (";

pub(super) const CLAIM: &str = "    IF NOT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE()
      AND table_name = 'tokenkeeper_cleanup_runs') THEN
      {runs};
    END IF;
    -- Our own runs that were cut off; those of others are theirs.
    UPDATE tokenkeeper_cleanup_runs SET status = 'failed', ended_at = {millis}
    WHERE policy = {policy} AND status = 'running' AND lease_until < {millis} AND digest = 'job';
    COMMIT;
    IF EXISTS (SELECT 1 FROM tokenkeeper_cleanup_runs WHERE policy = {policy} AND status = 'running' AND lease_until < {millis}) THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT =
        'a run was cut off: finish it by tokenkeeper-worker cleanup, or set it to failed in tokenkeeper_cleanup_runs';
    END IF;
    SET tk_other = (SELECT MIN(run) FROM tokenkeeper_cleanup_runs WHERE policy = {policy} AND status = 'running');
    IF tk_other IS NULL THEN
      INSERT INTO tokenkeeper_cleanup_runs (run, policy, digest, slot, status, runner, fence, lease_until, cut_off,
        server_offset, started_at, progress)
      VALUES (@tk_run, {policy}, 'job', DATE_FORMAT(@tk_utc, '%Y-%m-%dT%H:%i:%s.%fZ'), 'running',
        CONCAT('the job ', {job}, ', connection ', CONNECTION_ID()), 1, {millis} + 300000,
        TIMESTAMPDIFF(MICROSECOND, '1970-01-01', @tk_utc) DIV 1000, @tk_offset, {millis}, {progress});
      COMMIT;
    END IF;
  END;
  IF tk_other IS NOT NULL THEN
    SET SESSION time_zone = tk_zone;
    DO RELEASE_LOCK(tk_lock);
    SELECT CONCAT('the run ', tk_other, ' is at work: nothing was done') AS told;
    LEAVE tk_all;
  END IF;
";

pub(super) const TARGET: &str = "  IF tk_failure IS NULL AND @tk_there_{number} THEN
    SET @tk_sql = 'DROP TEMPORARY TABLE IF EXISTS tokenkeeper_picked';
    {execute}
    SET @tk_sql = {temporary};
    {execute}
    SET tk_size = 1000, tk_began = @tk_batch, tk_tries = 0, tk_left = 0, tk_longest = 0, tk_took = 0, tk_skipped = '';
    SET tk_is_last = FALSE, @tk_after = '', @tk_behind = ''{counts_cleared};
    SET tk_tally = {tally};
    WHILE NOT tk_is_last AND tk_failure IS NULL DO
      -- A window ends with the twenty-thousandth key from here.
      SET {to_cleared};
      SET @tk_sql = CONCAT({window}, @tk_after, {window_end});
      {execute}
      SET tk_is_last = @tk_to_1 IS NULL, tk_is_done = FALSE;
      SET @tk_behind = IF(tk_is_last, '', {not_behind});
      WHILE NOT tk_is_done AND tk_failure IS NULL DO
        SET @tk_batch = @tk_batch + 1, tk_at = UTC_TIMESTAMP(3), @tk_size = tk_size, tk_gone = 0{steps_cleared}, {last_cleared};
        TRUNCATE TABLE tokenkeeper_picked;
        BEGIN
          DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN
            GET DIAGNOSTICS CONDITION 1 tk_code = MYSQL_ERRNO, tk_message = MESSAGE_TEXT;
            ROLLBACK;
            SET tk_gone = -1;
          END;
          START TRANSACTION;
          SET @tk_sql = CONCAT({pick}, @tk_after, @tk_behind, {pick_end}, ' LIMIT ', tk_size, ' FOR UPDATE', @tk_skip);
          {execute}
          SET tk_gone = tk_rows;
          IF tk_gone > 0 THEN
            SET @tk_sql = {last};
            {execute}
";

pub(super) const TAKE_CHILD: &str = "            IF @tk_there_{number} THEN
              SET @tk_sql = CONCAT({insert}, @tk_names_{number}, {insert_more}, @tk_values_{number}, {child_from});
              {execute}
              SET @tk_copied = tk_rows;
              SET @tk_sql = {child_delete};
              {execute}
              IF tk_rows <> @tk_copied THEN
                SIGNAL SQLSTATE '45001' SET MESSAGE_TEXT = 'rows have changed meanwhile';
              END IF;
              SET @tk_step_{number} = tk_rows;
            END IF;
";

pub(super) const TAKE: &str = "            SET @tk_sql = CONCAT({insert}, @tk_names_{number}, {insert_more}, @tk_values_{number}, {own_from});
            {execute}
            SET @tk_copied = tk_rows;
            SET @tk_sql = {own_delete};
            {execute}
            -- Some may not go any more: then their children must stay, too.
            IF tk_rows <> tk_gone OR @tk_copied <> tk_gone THEN
              SIGNAL SQLSTATE '45001' SET MESSAGE_TEXT = 'rows have changed meanwhile';
            END IF;
";

pub(super) const END: &str = "          END IF;
          SET tk_tries = 0;
        END;
        IF tk_gone = -1 AND tk_code NOT IN (1020, 1205, 1213, 1451, 1644) THEN
          SET tk_failure = tk_message;
        ELSEIF tk_gone = -1 AND tk_size > 1 THEN
          -- One row may stand in the way: fewer are tried.
          SET tk_size = GREATEST(1, tk_size DIV 8);
        ELSEIF tk_gone = -1 AND @tk_last_1 IS NOT NULL THEN
          SET tk_skipped = CONCAT(tk_skipped, IF(tk_skipped = '', '', ','), JSON_QUOTE(CONCAT('a row: ', tk_message)));
          SET @tk_after = {behind}, {from_last};
        ELSEIF tk_gone = -1 THEN
          SET tk_tries = tk_tries + 1, tk_failure = IF(tk_tries > 10, tk_message, NULL);
        ELSE
          SET tk_is_done = tk_gone < tk_size;
          IF tk_gone > 0 THEN
            SET @tk_after = {behind}, {from_last}{counted};
          END IF;
          SET tk_size = LEAST(1000, tk_size * 8);
        END IF;
        SET tk_ms = TIMESTAMPDIFF(MICROSECOND, tk_at, UTC_TIMESTAMP(3)) DIV 1000;
        SET tk_took = tk_took + tk_ms, tk_longest = GREATEST(tk_longest, tk_ms);
        SET tk_tally = {tally};
        UPDATE tokenkeeper_cleanup_runs SET lease_until = {millis} + 300000, progress = {progress_with}
        WHERE run = @tk_run AND status = 'running' AND fence = 1;
        IF ROW_COUNT() = 1 THEN
          COMMIT;
        ELSE
          ROLLBACK;
          SET tk_failure = 'somebody has ended this run in tokenkeeper_cleanup_runs';
        END IF;
      END WHILE;
      SET @tk_after = {behind}, {from_to};
    END WHILE;
    IF tk_failure IS NULL THEN
      SET @tk_sql = {left};
      {execute}
      SET tk_left = @tk_left, tk_all_left = tk_all_left + @tk_left;
      COMMIT;
    END IF;
    SET tk_tallies = CONCAT(tk_tallies, IF(tk_tallies = '', '', ','), {tally});
  END IF;
";

pub(super) const EXECUTE: &str = "PREPARE tk_statement FROM @tk_sql; EXECUTE tk_statement; SET tk_rows = ROW_COUNT(); DEALLOCATE PREPARE tk_statement;";

pub(super) const TALLY: &str = "CONCAT('{open}\"target\":\"', {target_name}, '\",\"table\":\"', {table_text}, '\",\"deleted\":', {deleted},
      ',\"reasons\":{open}', CONCAT_WS(','{reasons}, NULL), '{close},\"children\":{open}', CONCAT_WS(','{children}, NULL), '{close},\"longest_batch_ms\":', tk_longest,
      ',\"took_ms\":', tk_took, ',\"skipped\":[', tk_skipped, '],\"left\":', tk_left, ',\"began_with\":', tk_began,
      ',\"backups\":[', @tk_kept_{target}, ']{close}')";

pub(super) const PROGRESS: &str = "CONCAT('{open}\"target\":0,\"pass\":0,\"position\":null,\"is_over\":false,\"batch\":', @tk_batch,
        ',\"began_with\":', tk_began, ',\"targets\":[', tk_tallies, ']{close}')";

pub(super) const PROGRESS_WITH: &str = "CONCAT('{open}\"target\":0,\"pass\":0,\"position\":null,\"is_over\":false,\"batch\":', @tk_batch,
          ',\"began_with\":', tk_began, ',\"targets\":[', tk_tallies, IF(tk_tallies = '', '', ','), tk_tally, ']{close}')";

pub(super) const FOOT: &str = "  UPDATE tokenkeeper_cleanup_runs SET ended_at = {millis}, progress = {progress},
    status = CASE WHEN tk_failure IS NOT NULL THEN 'failed' WHEN tk_all_left > 0 THEN 'partly' ELSE 'done' END
  WHERE run = @tk_run AND status = 'running' AND fence = 1;
  COMMIT;
  DROP TEMPORARY TABLE IF EXISTS tokenkeeper_picked;
  SET SESSION time_zone = tk_zone;
  DO RELEASE_LOCK(tk_lock);
  IF tk_failure IS NOT NULL THEN
    SET tk_message = LEFT(tk_failure, 128);
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = tk_message;
  END IF;
END
";
