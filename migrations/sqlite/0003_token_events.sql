-- What was tried for each token and how it ended, one row an attempt; no secret. Old rows are trimmed by the worker.
CREATE TABLE token_events (
    id         BLOB NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    at         INTEGER NOT NULL,
    worker     TEXT NOT NULL,
    attempt_id BLOB NOT NULL,
    action     TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    generation INTEGER NOT NULL,
    duration   INTEGER NOT NULL,
    message    TEXT
);

-- A token's history, newest first.
CREATE INDEX token_events_by_name ON token_events (name, at);
-- Trimming looks for the oldest of all.
CREATE INDEX token_events_by_time ON token_events (at);
