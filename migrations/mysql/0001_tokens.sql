-- One row a token. Instants are milliseconds since 1970 in UTC; secret columns hold sealed text.
-- One statement, and one that may be repeated: a change of the schema cannot be rolled back here.
-- utf8mb4_bin: with the default collation ALICE would find Alice's token.
CREATE TABLE IF NOT EXISTS tokens (
    id                     BINARY(16)   NOT NULL PRIMARY KEY,
    name                   VARCHAR(128) NOT NULL UNIQUE,
    provider               VARCHAR(32)  NOT NULL,
    state                  VARCHAR(16)  NOT NULL
        CHECK (state IN ('new', 'ok', 'needs_login', 'disabled')),
    generation             BIGINT       NOT NULL,
    access_token           LONGTEXT,
    token_type             TEXT         NOT NULL,
    scope                  TEXT,
    access_token_expires   BIGINT,
    refresh_token          LONGTEXT,
    refresh_token_previous LONGTEXT,
    refresh_token_expires  BIGINT,
    not_before             BIGINT,
    refresh_at             BIGINT       NOT NULL,
    updating               BOOLEAN      NOT NULL,
    attempt_id             BINARY(16),
    worker                 TEXT,
    lease_until            BIGINT,
    uncertain_since        BIGINT,
    uncertain_tries        BIGINT       NOT NULL,
    failures               BIGINT       NOT NULL,
    next_attempt_at        BIGINT,
    last_error_class       VARCHAR(32),
    last_error             TEXT,
    last_error_at          BIGINT,
    last_success_at        BIGINT,
    last_login_at          BIGINT,
    refused_login          VARCHAR(64),
    rejected_generation    BIGINT,
    json_data              LONGTEXT,
    created_at             BIGINT       NOT NULL,
    updated_at             BIGINT       NOT NULL,
    -- A pass walks the due rows, soonest first; the id makes the walk's cursor unique.
    INDEX tokens_by_refresh_at (refresh_at, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
