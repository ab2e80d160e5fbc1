-- What people look at: native times in UTC, no secret. Its columns are a promise.
-- DATE_ADD, not FROM_UNIXTIME: that one ends in 2038 and follows the session's zone.
CREATE OR REPLACE VIEW token_status AS
SELECT name, provider, state, generation, token_type, scope,
       DATE_ADD('1970-01-01', INTERVAL access_token_expires * 1000 MICROSECOND)  AS expires_at,
       DATE_ADD('1970-01-01', INTERVAL refresh_token_expires * 1000 MICROSECOND) AS refresh_token_expires_at,
       DATE_ADD('1970-01-01', INTERVAL refresh_at * 1000 MICROSECOND)            AS renews_at,
       updating, worker,
       DATE_ADD('1970-01-01', INTERVAL lease_until * 1000 MICROSECOND)           AS lease_until,
       failures, last_error_class, last_error,
       DATE_ADD('1970-01-01', INTERVAL last_error_at * 1000 MICROSECOND)         AS last_error_at,
       DATE_ADD('1970-01-01', INTERVAL last_success_at * 1000 MICROSECOND)       AS last_success_at,
       DATE_ADD('1970-01-01', INTERVAL created_at * 1000 MICROSECOND)            AS created_at,
       DATE_ADD('1970-01-01', INTERVAL updated_at * 1000 MICROSECOND)            AS updated_at
FROM tokens;
