-- What was tried for each token and how it ended, one row an attempt; no secret. Old rows are trimmed by the worker.
CREATE TABLE token_events (
    id         UUID NOT NULL PRIMARY KEY,
    name       VARCHAR(128) COLLATE "C" NOT NULL,
    at         BIGINT NOT NULL,
    worker     TEXT NOT NULL,
    attempt_id UUID NOT NULL,
    action     VARCHAR(16) NOT NULL,
    outcome    VARCHAR(32) NOT NULL,
    generation BIGINT NOT NULL,
    duration   BIGINT NOT NULL,
    message    TEXT
);

-- A token's history, newest first.
CREATE INDEX token_events_by_name ON token_events (name, at);
-- Trimming looks for the oldest of all.
CREATE INDEX token_events_by_time ON token_events (at);
