-- One row a token. Instants are milliseconds since 1970 in UTC; secret columns hold sealed text.
CREATE TABLE tokens (
    id                     BLOB    NOT NULL PRIMARY KEY,
    name                   TEXT    NOT NULL UNIQUE,
    provider               TEXT    NOT NULL,
    state                  TEXT    NOT NULL
        CHECK (state IN ('new', 'ok', 'needs_login', 'disabled')),
    generation             INTEGER NOT NULL,
    access_token           TEXT,
    token_type             TEXT    NOT NULL,
    scope                  TEXT,
    access_token_expires   INTEGER,
    refresh_token          TEXT,
    refresh_token_previous TEXT,
    refresh_token_expires  INTEGER,
    not_before             INTEGER,
    refresh_at             INTEGER NOT NULL,
    updating               BOOLEAN NOT NULL,
    attempt_id             BLOB,
    worker                 TEXT,
    lease_until            INTEGER,
    uncertain_since        INTEGER,
    uncertain_tries        INTEGER NOT NULL,
    failures               INTEGER NOT NULL,
    next_attempt_at        INTEGER,
    last_error_class       TEXT,
    last_error             TEXT,
    last_error_at          INTEGER,
    last_success_at        INTEGER,
    last_login_at          INTEGER,
    refused_login          TEXT,
    rejected_generation    INTEGER,
    json_data              TEXT,
    created_at             INTEGER NOT NULL,
    updated_at             INTEGER NOT NULL
);

-- A pass walks the due rows, soonest first; the id makes the walk's cursor unique.
CREATE INDEX tokens_by_refresh_at ON tokens (refresh_at, id);
