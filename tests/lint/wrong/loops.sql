CREATE FUNCTION purge() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOOP -- expect: one-transaction
        DELETE FROM dbo.clientaccesstokens WHERE ctid = ANY (ARRAY (SELECT ctid FROM dbo.clientaccesstokens
            WHERE expiration < now() AT TIME ZONE 'utc' LIMIT 1000));
        EXIT WHEN NOT FOUND;
    END LOOP;
END $$;
