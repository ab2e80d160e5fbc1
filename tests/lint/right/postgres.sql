CREATE TABLE sessions (id uuid PRIMARY KEY, user_id bigint REFERENCES users (id) ON DELETE CASCADE, expires_at timestamptz NOT NULL);
CREATE PROCEDURE purge() LANGUAGE plpgsql AS $$
DECLARE
    cut timestamp := (now() AT TIME ZONE 'utc') - interval '5 hours';
BEGIN
    LOOP
        DELETE FROM dbo.clientaccesstokens WHERE ctid = ANY (ARRAY (
            SELECT ctid FROM dbo.clientaccesstokens WHERE expiration < cut LIMIT 1000 FOR UPDATE SKIP LOCKED));
        EXIT WHEN NOT FOUND;
        COMMIT;
    END LOOP;
END $$;
DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < now() - interval '1 day' LIMIT 1000);
DELETE FROM sessions WHERE id = $1;
DELETE FROM orders WHERE created_at < now();
GRANT SELECT, DELETE ON dbo.clientaccesstokens TO cleaner;
INSERT INTO pgagent.pga_schedule (jscjobid, jscname, jscminutes, jschours, jscweekdays, jscmonthdays, jscmonths) VALUES (1, 'hourly',
    '{t,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f}',
    '{f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f}', '{f,f,f,f,f,f,f}',
    '{f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f}', '{f,f,f,f,f,f,f,f,f,f,f,f}');
