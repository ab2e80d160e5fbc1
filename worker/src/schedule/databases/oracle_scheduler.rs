//! Oracle's scheduler: a procedure of the policy, and the job that calls it. Nobody has run it there.

use chrono_tz::Tz;

use crate::{
    cleanup::script::Job,
    schedule::{
        Unfit,
        fields::{Field, Fields},
    },
};

/// When a job comes, as the scheduler's calendar says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    interval: String,
    zone: Tz,
}

impl Calendar {
    /// The schedule by the clocks of `zone`, which the job keeps.
    ///
    /// # Errors
    /// [`Unfit`] where either of two kinds of days is enough: a calendar asks for both.
    pub fn new(fields: &Fields, zone: Tz) -> Result<Self, Unfit> {
        if fields.has_both_days() {
            return Err(Unfit(
                "Oracle's calendar asks for both a day of the month and a weekday, where cron is content with either: leave one \
                 of them a star"
                    .to_owned(),
            ));
        }
        let mut interval = "FREQ=DAILY".to_owned();
        let mut add = |name: &str, values: String| interval.extend([";", name, "=", &values]);
        let listed = |field: &Field| (!field.is_all()).then(|| field.listed());
        for (name, values) in
            [("BYMONTH", listed(&fields.month)), ("BYMONTHDAY", listed(&fields.day))]
        {
            if let Some(values) = values {
                add(name, values);
            }
        }
        if !fields.weekday.is_all() {
            let days = fields.weekday.values.iter().filter_map(|day| DAYS.get(usize::from(*day)));
            add("BYDAY", days.copied().collect::<Vec<_>>().join(","));
        }
        add("BYHOUR", numbers(&fields.hour));
        add("BYMINUTE", numbers(&fields.minute));
        add("BYSECOND", "0".to_owned());
        Ok(Self { interval, zone })
    }
}

/// The whole text: `parts` look at the tables, make those for backups, and are what the procedure does.
#[must_use]
pub fn text(job: &Job<'_>, parts: &[String; 2], calendar: &Calendar) -> String {
    let [before, inside] = parts;
    JOB.replace("{procedure}", &job.procedure.as_str().to_uppercase())
        .replace("{name}", &name(job))
        .replace("{ours}", &job.mark())
        .replace("{interval}", &calendar.interval)
        .replace("{zone}", calendar.zone.name())
        .replace("{before}", before.trim())
        .replace("{text}", inside.trim_matches('\n'))
}

/// A job and a procedure of one name cannot be in one schema.
#[must_use]
pub fn name(job: &Job<'_>) -> String {
    job.procedure.as_str().to_uppercase().replacen("CLEAN", "JOB", 1)
}

fn numbers(field: &Field) -> String {
    field.values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const JOB: &str = "\
-- The job {name} of Oracle's scheduler. It may be run again at any time: the job is changed, not doubled.
-- Run it by SQL*Plus or SQLcl as the owner of the tables, who needs CREATE TABLE, CREATE PROCEDURE and CREATE JOB granted to
-- the user itself, not to a role.
-- NEVER RUN against Oracle by those who made it: try it on a copy of the database first.
-- To remove it: EXECUTE DBMS_SCHEDULER.DROP_JOB('{name}') and DROP PROCEDURE {procedure};
-- How it went: SELECT LOG_DATE, STATUS, ERRORS, OUTPUT FROM USER_SCHEDULER_JOB_RUN_DETAILS WHERE JOB_NAME = '{name}';

SET DEFINE OFF
WHENEVER SQLERROR EXIT FAILURE ROLLBACK
WHENEVER OSERROR EXIT FAILURE ROLLBACK

-- A job or procedure of the same name that is somebody else's stays as it is.
DECLARE
  found NUMBER;
BEGIN
  SELECT COUNT(*) INTO found FROM USER_SCHEDULER_JOBS
  WHERE JOB_NAME = '{name}' AND (COMMENTS IS NULL OR COMMENTS NOT LIKE 'tokenkeeper-worker schedule: %');
  IF found > 0 THEN
    RAISE_APPLICATION_ERROR(-20003, 'there is a job {name} that tokenkeeper-worker has not made: rename it');
  END IF;
  SELECT COUNT(*) INTO found FROM USER_OBJECTS
  WHERE (OBJECT_NAME = '{name}' AND OBJECT_TYPE <> 'JOB') OR (OBJECT_NAME = '{procedure}' AND (OBJECT_TYPE <> 'PROCEDURE'
    OR NOT EXISTS (SELECT 1 FROM USER_SOURCE WHERE NAME = '{procedure}' AND TEXT LIKE '%tokenkeeper-worker schedule: %')));
  IF found > 0 THEN
    RAISE_APPLICATION_ERROR(-20003, 'there is a {procedure} that tokenkeeper-worker has not made: rename it');
  END IF;
END;
/

{before}

CREATE OR REPLACE PROCEDURE {procedure} AUTHID DEFINER AS
  -- {ours}
  tokenkeeper_this_run CONSTANT VARCHAR2(32) := LOWER(RAWTOHEX(SYS_GUID()));
  -- The clock is read once: all cut-offs are taken from here.
  tokenkeeper_began CONSTANT TIMESTAMP WITH TIME ZONE := SYSTIMESTAMP;
BEGIN
{text}
END;
/

DECLARE
  found NUMBER;
  starts CONSTANT TIMESTAMP WITH TIME ZONE := TO_TIMESTAMP_TZ('2026-01-01 00:00:00 {zone}', 'YYYY-MM-DD HH24:MI:SS TZR');
BEGIN
  SELECT COUNT(*) INTO found FROM USER_ERRORS WHERE NAME = '{procedure}';
  IF found > 0 THEN
    RAISE_APPLICATION_ERROR(-20003, 'the procedure {procedure} was not compiled: see USER_ERRORS');
  END IF;
  SELECT COUNT(*) INTO found FROM USER_SCHEDULER_JOBS WHERE JOB_NAME = '{name}';
  -- The scheduler never begins a job that is still at work, so that no lock is needed; rows that others hold are passed over.
  IF found = 0 THEN
    DBMS_SCHEDULER.CREATE_JOB(job_name => '{name}', job_type => 'STORED_PROCEDURE', job_action => '{procedure}',
      start_date => starts, repeat_interval => '{interval}', enabled => FALSE, auto_drop => FALSE, comments => '{ours}');
  ELSE
    DBMS_SCHEDULER.DISABLE('{name}', TRUE);
    DBMS_SCHEDULER.SET_ATTRIBUTE('{name}', 'job_type', 'STORED_PROCEDURE');
    DBMS_SCHEDULER.SET_ATTRIBUTE('{name}', 'job_action', '{procedure}');
    DBMS_SCHEDULER.SET_ATTRIBUTE('{name}', 'start_date', starts);
    DBMS_SCHEDULER.SET_ATTRIBUTE('{name}', 'repeat_interval', '{interval}');
    DBMS_SCHEDULER.SET_ATTRIBUTE('{name}', 'comments', '{ours}');
  END IF;
  DBMS_SCHEDULER.ENABLE('{name}');
END;
/

EXIT SUCCESS
";
