-- When a worker's run ended last: one row, made by the first run. A run that finds nothing due leaves no other trace.
CREATE TABLE IF NOT EXISTS last_run (
    id       SMALLINT NOT NULL PRIMARY KEY CHECK (id = 1),
    ended_at BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
