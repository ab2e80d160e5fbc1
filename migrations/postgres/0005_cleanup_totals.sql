-- What clean-ups of other databases have deleted, one row a policy, for metrics. The runs themselves are told in the
-- databases that they have cleaned.
CREATE TABLE cleanup_totals (
    policy        VARCHAR(64) NOT NULL PRIMARY KEY,
    deleted       BIGINT NOT NULL,
    last_run      VARCHAR(36) NOT NULL,
    last_status   VARCHAR(16) NOT NULL,
    last_ended_at BIGINT NOT NULL
);
