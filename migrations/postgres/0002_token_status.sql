-- What people look at: native times, no secret. Its columns are a promise.
CREATE VIEW token_status AS
SELECT name, provider, state, generation, token_type, scope,
       to_timestamp(access_token_expires / 1000.0)  AS expires_at,
       to_timestamp(refresh_token_expires / 1000.0) AS refresh_token_expires_at,
       to_timestamp(refresh_at / 1000.0)            AS renews_at,
       updating, worker,
       to_timestamp(lease_until / 1000.0)           AS lease_until,
       failures, last_error_class, last_error,
       to_timestamp(last_error_at / 1000.0)         AS last_error_at,
       to_timestamp(last_success_at / 1000.0)       AS last_success_at,
       to_timestamp(created_at / 1000.0)            AS created_at,
       to_timestamp(updated_at / 1000.0)            AS updated_at
FROM tokens;
