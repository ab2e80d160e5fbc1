-- PostgreSQL
DELETE FROM idn_oauth2_authorization_code WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM idn_oauth2_authorization_code
    WHERE token_id IS NULL -- expect: fresh-codes
       OR NOT EXISTS (SELECT 1 FROM idn_oauth2_access_token AS t WHERE t.token_id = idn_oauth2_authorization_code.token_id) -- expect: fresh-codes
    LIMIT 1000));
