-- When a worker's run ended last: one row, made by the first run. A run that finds nothing due leaves no other trace.
CREATE TABLE last_run (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    ended_at INTEGER NOT NULL
);
