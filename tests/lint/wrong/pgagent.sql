-- Runs every 20 minutes, says whoever wrote this.
DO $job$
DECLARE
    job integer;
BEGIN
    DELETE FROM pgagent.pga_job WHERE jobname = 'clean'; -- expect: job-replaced
    INSERT INTO pgagent.pga_job (jobjclid, jobname) VALUES (1, 'clean') RETURNING jobid INTO job;
    INSERT INTO pgagent.pga_jobstep (jstjobid, jstname, jstkind, jstdbname, jstcode) VALUES (job, 'step', 's', 'EdFi_Admin',
        'DELETE FROM dbo.ClientAccessTokens WHERE expiration < current_timestamp'); -- expect: session-clock, unbounded-delete
    INSERT INTO pgagent.pga_schedule (jscjobid, jscname, jscminutes, jschours, jscweekdays, jscmonthdays, jscmonths) VALUES (job, 'often',
        '{f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,t,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f}', -- expect: pgagent-schedule
        ARRAY[true,true,true,true,true,true,true,true,true,true,true,true,true,true,true,true,true,true,true,true,true,true,true]::boolean[], -- expect: pgagent-array
        '{t,t,t,t,t,t,t}',
        '{t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t,t}', -- expect: pgagent-array
        '{t,t,t,t,t,t,t,t,t,t,t,t}');
END $job$;
