-- What was tried for each token and how it ended, one row an attempt; no secret. Old rows are trimmed by the worker.
CREATE TABLE IF NOT EXISTS token_events (
    id         BINARY(16) NOT NULL PRIMARY KEY,
    name       VARCHAR(128) NOT NULL,
    at         BIGINT NOT NULL,
    worker     TEXT NOT NULL,
    attempt_id BINARY(16) NOT NULL,
    action     VARCHAR(16) NOT NULL,
    outcome    VARCHAR(32) NOT NULL,
    generation BIGINT NOT NULL,
    duration   BIGINT NOT NULL,
    message    TEXT,
    -- A token's history, newest first.
    INDEX token_events_by_name (name, at),
    -- Trimming looks for the oldest of all.
    INDEX token_events_by_time (at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
