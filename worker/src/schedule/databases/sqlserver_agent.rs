//! SQL Server's Agent: a job of `msdb` whose step is the policy's script. Nobody has run it there.

use chrono::{DateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::agent_times::{Days, Rhythm, Times};
use crate::cleanup::script::Job;

/// The job, with `script` as its step, at these times by the clocks of `zone`, which must be its host's.
#[must_use]
pub fn text(job: &Job<'_>, script: &str, times: &Times, zone: Tz, now: DateTime<Utc>) -> String {
    JOB.replace("{name}", &job.name())
        .replace("{ours}", &job.mark())
        .replace("{policy}", &job.policy.name)
        .replace("{zone}", zone.name())
        .replace("{offsets}", &offsets(zone, now))
        .replace("{schedules}", &schedules(times, &job.name()))
        .replace("{command}", &step(job, script).replace('\'', "''"))
}

/// What the step runs: the script within a lock, which it leaves with its session.
#[must_use]
pub fn step(job: &Job<'_>, script: &str) -> String {
    format!(
        "{}{}\n{}",
        STEP.replace("{policy}", &job.policy.name),
        script.trim_end(),
        UNLOCK.replace("{policy}", &job.policy.name)
    )
}

/// The minutes that a host in the zone is ahead of UTC, at one time of the year or the other.
fn offsets(zone: Tz, now: DateTime<Utc>) -> String {
    let seen = (0..WEEKS).map(|week| now + TimeDelta::weeks(week));
    let mut minutes: Vec<_> = seen
        .map(|at| zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc() / 60)
        .collect();
    minutes.sort_unstable();
    minutes.dedup();
    minutes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn schedules(times: &Times, name: &str) -> String {
    let all =
        times.rhythms.iter().flat_map(|rhythm| times.days.iter().map(move |days| (days, rhythm)));
    let calls = all.enumerate().map(|(at, (days, rhythm))| {
        let (kind, interval, again) = match days {
            Days::Each => (4, 1, 0),
            Days::Week(days) => (8, days.iter().map(|day| 1 << day).sum::<u32>(), 1),
            Days::Month(day) => (16, u32::from(*day), 1),
        };
        let clock = |(hour, minute): (u8, u8), second: u32| {
            u32::from(hour) * 10_000 + u32::from(minute) * 100 + second
        };
        let (sub, every, start) = match rhythm {
            Rhythm::Once(at) => (1, 0, clock(*at, 0)),
            Rhythm::Minutes { first, step } => (4, *step, clock((0, *first), 0)),
            Rhythm::Hours { first, step } => (8, *step, clock(*first, 0)),
        };
        SCHEDULE
            .replace("{name}", &format!("{name} {}", at + 1))
            .replace("{kind}", &kind.to_string())
            .replace("{interval}", &interval.to_string())
            .replace("{again}", &again.to_string())
            .replace("{sub}", &sub.to_string())
            .replace("{every}", &every.to_string())
            .replace("{start}", &start.to_string())
    });
    calls.collect()
}

/// Two years.
const WEEKS: i64 = 104;

/// The Agent's sessions have `QUOTED_IDENTIFIER` off, with which tables with some indexes cannot be changed.
const STEP: &str = "\
SET QUOTED_IDENTIFIER ON;
-- One run at a time, also beside a job of another name.
DECLARE @lock int;
EXEC @lock = sp_getapplock @Resource = N'tokenkeeper {policy}', @LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = 0;
IF @lock < 0
BEGIN
    PRINT 'a run of the policy is at work: nothing was done';
    RETURN;
END;
";
const UNLOCK: &str =
    "EXEC sp_releaseapplock @Resource = N'tokenkeeper {policy}', @LockOwner = 'Session';\n";

const SCHEDULE: &str = "
    EXEC @result = msdb.dbo.sp_add_jobschedule @job_id = @job, @name = N'{name}', @enabled = 1, @freq_type = {kind},
        @freq_interval = {interval}, @freq_recurrence_factor = {again}, @freq_subday_type = {sub}, @freq_subday_interval = {every},
        @active_start_time = {start}, @active_end_time = 235959;
    IF @result <> 0 THROW 50003, 'the schedule was not made', 1;";

const JOB: &str = "\
-- The job {name} of SQL Server Agent. It may be run again at any time: the job is changed, not doubled, and keeps its history.
-- Run it in the database that is to be cleaned, as a member of sysadmin: sqlcmd -b -d DATABASE -i FILE
-- NEVER RUN against SQL Server by those who made it: try it on a copy of the database first.
-- To remove it: EXEC msdb.dbo.sp_delete_job @job_name = N'{name}';
-- How it went: EXEC msdb.dbo.sp_help_jobhistory @job_name = N'{name}', @mode = N'FULL';
SET NOCOUNT ON;
SET XACT_ABORT ON;
DECLARE @database sysname = DB_NAME(), @job uniqueidentifier, @schedule int, @result int;
IF @database IN (N'master', N'model', N'msdb', N'tempdb') THROW 50003, 'run this in the database that is to be cleaned', 1;
-- The Agent goes by the clock of its host.
IF DATEPART(TZOFFSET, SYSDATETIMEOFFSET()) NOT IN ({offsets})
    THROW 50003, 'the clock of this host is not one of {zone}: make this text anew with --server-zone', 1;
-- A job of the same name that is somebody else's stays as it is.
IF EXISTS (SELECT 1 FROM msdb.dbo.sysjobs WHERE name = N'{name}'
    AND (description IS NULL OR description NOT LIKE N'tokenkeeper-worker schedule: %'))
    THROW 50003, 'there is a job {name} that tokenkeeper-worker has not made: rename it', 1;
-- What it runs: the script of the policy, with apply set.
DECLARE @command nvarchar(max) = N'{command}';
BEGIN TRY
    BEGIN TRANSACTION;
    SELECT @job = job_id FROM msdb.dbo.sysjobs WHERE name = N'{name}';
    IF @job IS NULL
    BEGIN
        EXEC @result = msdb.dbo.sp_add_job @job_name = N'{name}', @description = N'{ours}', @job_id = @job OUTPUT;
        IF @result <> 0 THROW 50003, 'the job was not made', 1;
    END;
    EXEC @result = msdb.dbo.sp_update_job @job_id = @job, @enabled = 1, @description = N'{ours}';
    IF @result <> 0 THROW 50003, 'the job was not enabled', 1;
    -- Where the step fails, the job does.
    IF EXISTS (SELECT 1 FROM msdb.dbo.sysjobsteps WHERE job_id = @job AND step_id = 1)
        EXEC @result = msdb.dbo.sp_update_jobstep @job_id = @job, @step_id = 1, @step_name = N'clean', @subsystem = N'TSQL',
            @command = @command, @database_name = @database, @on_success_action = 1, @on_fail_action = 2, @retry_attempts = 0;
    ELSE
        EXEC @result = msdb.dbo.sp_add_jobstep @job_id = @job, @step_id = 1, @step_name = N'clean', @subsystem = N'TSQL',
            @command = @command, @database_name = @database, @on_success_action = 1, @on_fail_action = 2, @retry_attempts = 0;
    IF @result <> 0 THROW 50003, 'the step was not made', 1;
    -- Our earlier schedules; others that somebody has added stay.
    WHILE 1 = 1
    BEGIN
        SET @schedule = NULL;
        SELECT TOP (1) @schedule = used.schedule_id FROM msdb.dbo.sysjobschedules AS used
        JOIN msdb.dbo.sysschedules AS made ON made.schedule_id = used.schedule_id
        WHERE used.job_id = @job AND made.name LIKE N'{name} [0-9]%';
        IF @schedule IS NULL BREAK;
        EXEC @result = msdb.dbo.sp_detach_schedule @job_id = @job, @schedule_id = @schedule, @delete_unused_schedule = 1;
        IF @result <> 0 THROW 50003, 'an earlier schedule was not removed', 1;
    END;{schedules}
    IF NOT EXISTS (SELECT 1 FROM msdb.dbo.sysjobservers WHERE job_id = @job)
    BEGIN
        EXEC @result = msdb.dbo.sp_add_jobserver @job_id = @job;
        IF @result <> 0 THROW 50003, 'the job was not given to this server', 1;
    END;
    COMMIT TRANSACTION;
END TRY
BEGIN CATCH
    IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
    THROW;
END CATCH;
-- Whether the Agent runs at all.
SELECT servicename, status_desc FROM sys.dm_server_services WHERE servicename LIKE N'SQL Server Agent%';
";
