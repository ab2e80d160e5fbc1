-- What people look at: RFC 3339 times in UTC, no secret. Its columns are a promise.
CREATE VIEW token_status AS
SELECT name, provider, state, generation, token_type, scope,
       strftime('%Y-%m-%dT%H:%M:%SZ', access_token_expires / 1000, 'unixepoch')  AS expires_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', refresh_token_expires / 1000, 'unixepoch') AS refresh_token_expires_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', refresh_at / 1000, 'unixepoch')            AS renews_at,
       updating, worker,
       strftime('%Y-%m-%dT%H:%M:%SZ', lease_until / 1000, 'unixepoch')           AS lease_until,
       failures, last_error_class, last_error,
       strftime('%Y-%m-%dT%H:%M:%SZ', last_error_at / 1000, 'unixepoch')         AS last_error_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', last_success_at / 1000, 'unixepoch')       AS last_success_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', created_at / 1000, 'unixepoch')            AS created_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', updated_at / 1000, 'unixepoch')            AS updated_at
FROM tokens;
