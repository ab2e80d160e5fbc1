//! What stands around the conditions in PL/SQL. Names in braces are put in by the room above.

pub(super) const SETTINGS: &str = "
SET DEFINE OFF
SET SERVEROUTPUT ON SIZE UNLIMITED
WHENEVER SQLERROR EXIT FAILURE ROLLBACK
WHENEVER OSERROR EXIT FAILURE ROLLBACK
VARIABLE apply NUMBER
VARIABLE batch NUMBER
VARIABLE seconds NUMBER
VARIABLE run VARCHAR2(32)
VARIABLE began VARCHAR2(40)
-- 1 deletes.
EXECUTE :apply := 0
-- Rows of a transaction, 4000 at most.
EXECUTE :batch := 1000
-- Later than this no transaction begins.
EXECUTE :seconds := 600
EXECUTE :run := LOWER(RAWTOHEX(SYS_GUID()))
-- The clock is read once: all cut-offs are taken from here.
EXECUTE :began := TO_CHAR(SYSTIMESTAMP, 'YYYY-MM-DD HH24:MI:SS.FF3 TZH:TZM')
";

/// What of a script is SQL*Plus's, and its like in a procedure.
pub(super) const OF_SCRIPT: [(&str, &str); 6] = [
    ("began", "TO_TIMESTAMP_TZ(:began, 'YYYY-MM-DD HH24:MI:SS.FF3 TZH:TZM')"),
    ("batch", ":batch"),
    ("seconds", ":seconds"),
    ("run", ":run"),
    (
        "may_make",
        "  IF :apply <> 1 THEN
    RAISE_APPLICATION_ERROR(-20000, 'nothing was changed: set apply to 1 to delete');
  END IF;
",
    ),
    (
        "may_delete",
        "  IF :apply <> 1 OR :batch NOT BETWEEN 1 AND 4000 THEN
    RAISE_APPLICATION_ERROR(-20000, 'nothing was changed: set apply to 1, and batch to 1 to 4000, to delete');
  END IF;
",
    ),
];
pub(super) const OF_PROCEDURE: [(&str, &str); 6] = [
    ("began", "tokenkeeper_began"),
    ("batch", "1000"),
    ("seconds", "600"),
    ("run", "tokenkeeper_this_run"),
    ("may_make", ""),
    ("may_delete", ""),
];

/// The server's zone: in summer this is winter's time; in winter rows stay an hour longer.
pub(super) const CLOCK: &str = "
DECLARE
  instant CONSTANT TIMESTAMP WITH TIME ZONE := {began};
  tokenkeeper_utc CONSTANT TIMESTAMP := SYS_EXTRACT_UTC(instant);
  tokenkeeper_server CONSTANT TIMESTAMP := CAST(instant AS TIMESTAMP) - INTERVAL '1' HOUR;
";

pub(super) const PREVIEW: &str = "  FOR counted IN (
    SELECT judged.reason, COUNT(*) AS dead
    FROM (SELECT {reason} AS reason FROM {table}) judged
    WHERE judged.reason IS NOT NULL
    GROUP BY judged.reason
  ) LOOP
    DBMS_OUTPUT.PUT_LINE({target} || ', ' || counted.reason || ': ' || counted.dead || ' rows may go');
  END LOOP;
";

pub(super) const LOOKED: &str = "
WHENEVER SQLERROR EXIT SUCCESS ROLLBACK
BEGIN
  IF :apply <> 1 THEN
    RAISE_APPLICATION_ERROR(-20000, 'nothing was changed: set apply to 1 to delete');
  END IF;
END;
/
WHENEVER SQLERROR EXIT FAILURE ROLLBACK
";

pub(super) const MAKE_HEAD: &str = "
DECLARE
  PROCEDURE make(of_table VARCHAR2, backup VARCHAR2, statement VARCHAR2) IS
    found NUMBER;
  BEGIN
    SELECT COUNT(CASE TABLE_NAME WHEN of_table THEN 1 END) - COUNT(CASE TABLE_NAME WHEN backup THEN 1 END) INTO found
    FROM ALL_TABLES WHERE OWNER = {owner} AND TABLE_NAME IN (of_table, backup);
    IF found = 1 THEN
      EXECUTE IMMEDIATE statement;
    END IF;
  END;
BEGIN
{may_make}";

pub(super) const MAKE: &str = "  make({table_name}, {backup_name}, q'[CREATE TABLE {backup} AS
    SELECT {forms}CAST(NULL AS VARCHAR2(64)) AS TOKENKEEPER_RUN, CAST(NULL AS NUMBER(19)) AS TOKENKEEPER_BATCH,
      CAST(NULL AS VARCHAR2(64)) AS TOKENKEEPER_REASON, CAST(NULL AS TIMESTAMP(3)) AS TOKENKEEPER_DELETED_AT
    FROM {table} WHERE 1 = 0]');
";

/// FOR UPDATE WAIT timed out, deadlock, a foreign key, ours.
pub(super) const PICK: &str = "  busy EXCEPTION;
  PRAGMA EXCEPTION_INIT(busy, -30006);
  deadlock EXCEPTION;
  PRAGMA EXCEPTION_INIT(deadlock, -60);
  referred EXCEPTION;
  PRAGMA EXCEPTION_INIT(referred, -2292);
  changed EXCEPTION;
  PRAGMA EXCEPTION_INIT(changed, -20002);
  CURSOR dead IS
    SELECT ROWIDTOCHAR({name}.ROWID) FROM {table}
    WHERE {doomed}
    FOR UPDATE SKIP LOCKED;
  tokenkeeper_picked SYS.ODCIVARCHAR2LIST;
  tokenkeeper_gone SYS.ODCIVARCHAR2LIST;
{gathered}  tokenkeeper_number NUMBER := 0;
  deleted NUMBER := 0;
  tries NUMBER := 0;
  rows_at_once NUMBER := {batch};
  FUNCTION is_there(of_table VARCHAR2) RETURN BOOLEAN IS
    found NUMBER;
  BEGIN
    SELECT COUNT(*) INTO found FROM ALL_TABLES WHERE OWNER = {owner} AND TABLE_NAME = of_table;
    RETURN found > 0;
  END;
BEGIN
{may_delete}  WHILE SYSTIMESTAMP < instant + NUMTODSINTERVAL({seconds}, 'SECOND') LOOP
    BEGIN
      tokenkeeper_number := tokenkeeper_number + 1;
      OPEN dead;
      FETCH dead BULK COLLECT INTO tokenkeeper_picked LIMIT rows_at_once;
      CLOSE dead;
      EXIT WHEN tokenkeeper_picked.COUNT = 0;
";

pub(super) const CHILD_ROWS: &str = "      IF is_there({table_name}) THEN
        EXECUTE IMMEDIATE q'[SELECT ROWIDTOCHAR({name}.ROWID) FROM {table}
          WHERE {belongs}
          FOR UPDATE WAIT 2]' BULK COLLECT INTO tokenkeeper_gone USING tokenkeeper_picked;
";

pub(super) const CANDIDATES: &str = "      IF is_there({table_name}) THEN
        EXECUTE IMMEDIATE q'[SELECT ROWIDTOCHAR({name}.ROWID) FROM {table}
          WHERE {belongs}
          FOR UPDATE WAIT 2]' BULK COLLECT INTO candidates_{number} USING tokenkeeper_picked;
      END IF;
";

pub(super) const ORPHANS: &str = "      IF is_there({table_name}) THEN
        EXECUTE IMMEDIATE q'[SELECT ROWIDTOCHAR({name}.ROWID) FROM {table}
          WHERE {name}.ROWID IN (SELECT CHARTOROWID(COLUMN_VALUE) FROM TABLE(CAST(:gone AS SYS.ODCIVARCHAR2LIST)))
          AND {left_alone}]' BULK COLLECT INTO tokenkeeper_gone USING candidates_{number};
";

pub(super) const TAKE_CHILD: &str = "        EXECUTE IMMEDIATE q'[INSERT INTO {backup} ({columns}TOKENKEEPER_RUN, TOKENKEEPER_BATCH, TOKENKEEPER_REASON, TOKENKEEPER_DELETED_AT)
          SELECT {values}:run, :step, NULL, SYS_EXTRACT_UTC(SYSTIMESTAMP) FROM {table}
          WHERE {name}.ROWID IN (SELECT CHARTOROWID(COLUMN_VALUE) FROM TABLE(CAST(:gone AS SYS.ODCIVARCHAR2LIST)))]'
          USING {run}, tokenkeeper_number, tokenkeeper_gone;
        EXECUTE IMMEDIATE q'[DELETE FROM {table}
          WHERE {name}.ROWID IN (SELECT CHARTOROWID(COLUMN_VALUE) FROM TABLE(CAST(:gone AS SYS.ODCIVARCHAR2LIST)))]' USING tokenkeeper_gone;
        IF SQL%ROWCOUNT <> tokenkeeper_gone.COUNT THEN
          RAISE_APPLICATION_ERROR(-20002, 'rows have changed meanwhile');
        END IF;
      END IF;
";

pub(super) const TAKE: &str = "      INSERT INTO {backup} ({columns}TOKENKEEPER_RUN, TOKENKEEPER_BATCH, TOKENKEEPER_REASON, TOKENKEEPER_DELETED_AT)
      SELECT {values}{run}, tokenkeeper_number, {reason}, SYS_EXTRACT_UTC(SYSTIMESTAMP) FROM {table}
      WHERE {name}.ROWID IN (SELECT CHARTOROWID(COLUMN_VALUE) FROM TABLE(tokenkeeper_picked));
      DELETE FROM {table}
      WHERE {name}.ROWID IN (SELECT CHARTOROWID(COLUMN_VALUE) FROM TABLE(tokenkeeper_picked))
      AND {doomed};
      -- Some may not go any more: then their children must stay, too.
      IF SQL%ROWCOUNT <> tokenkeeper_picked.COUNT THEN
        RAISE_APPLICATION_ERROR(-20002, 'rows have changed meanwhile');
      END IF;
";

pub(super) const END: &str = "      COMMIT;
      deleted := deleted + tokenkeeper_picked.COUNT;
      tries := 0;
    EXCEPTION
      WHEN busy OR deadlock OR referred OR changed THEN
        IF dead%ISOPEN THEN
          CLOSE dead;
        END IF;
        ROLLBACK;
        tries := tries + 1;
        IF tries > 10 THEN
          RAISE;
        END IF;
        rows_at_once := GREATEST(1, TRUNC(rows_at_once / 2));
    END;
  END LOOP;
  COMMIT;
  FOR counted IN (SELECT COUNT(*) AS dead FROM {table} WHERE {doomed}) LOOP
    DBMS_OUTPUT.PUT_LINE({target} || ': ' || deleted || ' rows deleted, ' || counted.dead || ' dead rows left');
  END LOOP;
";
