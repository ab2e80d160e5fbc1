-- One row a token. Instants are milliseconds since 1970 in UTC; secret columns hold sealed text.
CREATE TABLE tokens (
    id                     UUID                     NOT NULL PRIMARY KEY,
    name                   VARCHAR(128) COLLATE "C" NOT NULL UNIQUE,
    provider               VARCHAR(32)              NOT NULL,
    state                  VARCHAR(16)              NOT NULL
        CHECK (state IN ('new', 'ok', 'needs_login', 'disabled')),
    generation             BIGINT                   NOT NULL,
    access_token           TEXT,
    token_type             TEXT                     NOT NULL,
    scope                  TEXT,
    access_token_expires   BIGINT,
    refresh_token          TEXT,
    refresh_token_previous TEXT,
    refresh_token_expires  BIGINT,
    not_before             BIGINT,
    refresh_at             BIGINT                   NOT NULL,
    updating               BOOLEAN                  NOT NULL,
    attempt_id             UUID,
    worker                 TEXT,
    lease_until            BIGINT,
    uncertain_since        BIGINT,
    uncertain_tries        BIGINT                   NOT NULL,
    failures               BIGINT                   NOT NULL,
    next_attempt_at        BIGINT,
    last_error_class       VARCHAR(32),
    last_error             TEXT,
    last_error_at          BIGINT,
    last_success_at        BIGINT,
    last_login_at          BIGINT,
    refused_login          VARCHAR(64),
    rejected_generation    BIGINT,
    json_data              TEXT,
    created_at             BIGINT                   NOT NULL,
    updated_at             BIGINT                   NOT NULL
);

-- A pass walks the due rows, soonest first; the id makes the walk's cursor unique.
CREATE INDEX tokens_by_refresh_at ON tokens (refresh_at, id);

-- Wakes consumers that wait or remember: a channel named like us, the token's name as payload.
CREATE FUNCTION tokenkeeper_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tokenkeeper', NEW.name);
    RETURN NULL;
END $$;

CREATE TRIGGER tokens_notify AFTER UPDATE OF generation, updating, state ON tokens FOR EACH ROW
    WHEN (OLD.generation <> NEW.generation OR OLD.updating <> NEW.updating OR OLD.state <> NEW.state)
    EXECUTE FUNCTION tokenkeeper_notify();
