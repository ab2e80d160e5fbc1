-- What clean-ups of other databases have deleted, one row a policy, for metrics. The runs themselves are told in the
-- databases that they have cleaned.
CREATE TABLE cleanup_totals (
    policy        TEXT NOT NULL PRIMARY KEY,
    deleted       INTEGER NOT NULL,
    last_run      TEXT NOT NULL,
    last_status   TEXT NOT NULL,
    last_ended_at INTEGER NOT NULL
);
