//! What stands around the conditions in Transact-SQL. Names in braces are put in by the room above.

pub(super) const SETTINGS: &str = "
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET LOCK_TIMEOUT 2000;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;

DECLARE @apply bit = {apply}; -- 1 deletes
DECLARE @batch int = 1000; -- rows of a transaction; from 5000 locks on SQL Server takes the whole table
DECLARE @seconds int = 600; -- later than this no transaction begins
IF @batch NOT BETWEEN 1 AND 4000 THROW 50000, 'set @batch to 1 to 4000', 1;

DECLARE @instant datetimeoffset(3) = SYSDATETIMEOFFSET();
DECLARE @utc datetime2(3) = CAST(SWITCHOFFSET(@instant, '+00:00') AS datetime2(3));
-- In summer this is winter's time; in winter rows stay an hour longer.
DECLARE @server datetime2(3) = DATEADD(HOUR, -1, CAST(@instant AS datetime2(3)));
DECLARE @run varchar(36) = CONVERT(varchar(36), NEWID());
DECLARE @rows int, @picked int, @size int, @tries int, @number bigint = 0, @deleted bigint;
-- The cut-offs, once for all.
";

pub(super) const PREVIEW: &str = "
-- How many rows of {table} may go, by reason.
SELECT {target} AS target, judged.reason, COUNT(*) AS dead
FROM (SELECT {reason} AS reason FROM {table}) AS judged
WHERE judged.reason IS NOT NULL
GROUP BY judged.reason;
";

pub(super) const LOOKED: &str = "
IF @apply = 0
BEGIN
    PRINT 'nothing was changed: set @apply to 1 to delete';
    RETURN;
END;
";

/// `UNION ALL` takes the identity off a column.
pub(super) const MAKE: &str = "
IF {object} IS NOT NULL AND {backup_object} IS NULL
    SELECT TOP (0) {forms}CAST(NULL AS varchar(64)) AS tokenkeeper_run, CAST(NULL AS bigint) AS tokenkeeper_batch,
        CAST(NULL AS varchar(64)) AS tokenkeeper_reason, CAST(NULL AS datetime2(3)) AS tokenkeeper_deleted_at
    INTO {backup}
    FROM (SELECT {columns}1 AS tokenkeeper_one FROM {table} UNION ALL SELECT {columns}1 FROM {table}) AS both_halves;
";

pub(super) const PICK: &str = "
SELECT TOP (0) {key}
INTO #tokenkeeper_picked_{at}
FROM (SELECT {key} FROM {table} UNION ALL SELECT {key} FROM {table}) AS both_halves;

SELECT @picked = 1, @size = @batch, @tries = 0, @deleted = 0;
WHILE @picked > 0 AND SYSUTCDATETIME() < DATEADD(SECOND, @seconds, @utc)
BEGIN
    BEGIN TRY
        DELETE FROM #tokenkeeper_picked_{at};
        SET @number = @number + 1;
        BEGIN TRANSACTION;
        INSERT INTO #tokenkeeper_picked_{at} ({key})
        SELECT TOP (@size) {own_key}
        FROM {table} WITH (UPDLOCK, ROWLOCK, READPAST)
        WHERE {doomed};
        SET @picked = @@ROWCOUNT;
";

pub(super) const TAKE_CHILD: &str = "
        IF {object} IS NOT NULL
        BEGIN
            INSERT INTO {backup} ({columns}tokenkeeper_run, tokenkeeper_batch, tokenkeeper_reason, tokenkeeper_deleted_at)
            SELECT {values}@run, @number, NULL, SYSUTCDATETIME()
            FROM {table}
            WHERE {belongs};
            SET @rows = @@ROWCOUNT;
            DELETE FROM {table}
            WHERE {belongs};
            IF @@ROWCOUNT <> @rows THROW 50002, 'rows have changed meanwhile', 1;
        END;
";

pub(super) const TAKE: &str = "
        INSERT INTO {backup} ({columns}tokenkeeper_run, tokenkeeper_batch, tokenkeeper_reason, tokenkeeper_deleted_at)
        SELECT {values}@run, @number, {reason}, SYSUTCDATETIME()
        FROM {table}
        WHERE {picked};
        DELETE FROM {table}
        WHERE {picked}
          AND {doomed};
        -- Some may not go any more: then their children must stay, too.
        IF @@ROWCOUNT <> @picked THROW 50002, 'rows have changed meanwhile', 1;
";

/// Lock timeout, deadlock, a foreign key, ours.
pub(super) const END: &str = "
        COMMIT TRANSACTION;
        SELECT @deleted = @deleted + @picked, @tries = 0;
    END TRY
    BEGIN CATCH
        IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
        SET @tries = @tries + 1;
        IF @tries > 10 OR ERROR_NUMBER() NOT IN (1222, 1205, 547, 50002) THROW;
        SELECT @size = CASE WHEN @size > 1 THEN @size / 2 ELSE 1 END, @picked = 1;
        WAITFOR DELAY '00:00:00.500';
    END CATCH;
END;
DROP TABLE #tokenkeeper_picked_{at};
SELECT {target} AS target, @deleted AS deleted, COUNT(*) AS dead_rows_left
FROM {table}
WHERE {doomed};
";
