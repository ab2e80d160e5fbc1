DO $$ DECLARE s text = 'DELETE FROM dbo.ClientAccessTokens WHERE expiration < now() - interval ''2 h'''; BEGIN
DELETE FROM pgagent.pga_job WHERE jobname = 'x'; INSERT INTO pgagent.pga_job (jobname) VALUES ('x');
INSERT INTO pgagent.pga_schedule (jscminutes, jschours) VALUES (ARRAY[true,false]::boolean[], '{t,f}'); END $$;
