-- PostgreSQL. The column holds UTC, and the session's clock is anything.
DELETE FROM dbo.clientaccesstokens WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM dbo.clientaccesstokens
    WHERE expiration < now() -- expect: session-clock
    LIMIT 500));
DELETE FROM idn_oauth2_authorization_code
WHERE validity_period >= 0 AND validity_period < 99999999999990
  AND validity_period < extract(epoch FROM now() - time_created) * 1000 -- expect: session-clock
  AND code_id IN (SELECT code_id FROM chosen);
-- A variable, and the offset of one zone.
DO $$
DECLARE cut timestamp := localtimestamp - interval '5:30'; -- expect: session-clock, fixed-shift
BEGIN
    DELETE FROM dbo.clientaccesstokens WHERE expiration < cut AND id IN (SELECT id FROM chosen);
END $$;
