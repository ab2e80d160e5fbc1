//! PostgreSQL with pgAgent: the procedure, or the program, and the job with its step and its schedules.

use chrono_tz::Tz;

use super::{postgres, postgres::quoted};
use crate::{
    cleanup::script::Job,
    schedule::{Unfit, fields::Fields, shell::word},
};

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Calls the procedure.
    Procedure {
        /// Makes it.
        text: String,
        /// The database that is cleaned, where that is not pgAgent's own.
        elsewhere: Option<String>,
    },
    /// Starts a program on pgAgent's host: a script for its shell.
    Program(String),
}

impl Step {
    /// A program and its arguments.
    ///
    /// # Errors
    /// [`Unfit`] for words that no script or text of PostgreSQL can hold.
    pub fn program(words: &[String]) -> Result<Self, Unfit> {
        let quoted: Vec<_> = words.iter().map(|each| word(each)).collect::<Result<_, _>>()?;
        let command = quoted.join(" ");
        if command.contains(TAG) {
            return Err(Unfit(format!("a word of the command holds {TAG}: rename it")));
        }
        Ok(Self::Program(format!("#!/bin/sh\n# {}\nexec {command}\n", super::MARK)))
    }
}

/// The texts of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PgAgent {
    /// Makes the procedure, where the rows are; empty where a program is started.
    pub procedure: String,
    /// Makes the job, where pgAgent is.
    pub job: String,
}

/// When a job comes, as pgAgent is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// Arrays for minutes, hours, weekdays, days of months and months; a row for each schedule, any of which is enough.
    schedules: Vec<[String; 5]>,
    /// By whose clocks.
    pub zone: Tz,
}

impl Times {
    /// The schedule by the clocks of `zone`, which must be those of the agent's sessions.
    ///
    /// # Errors
    /// [`Unfit`] where pgAgent would look for a day in a month that has none: it fails then, and the job never comes again.
    pub fn new(fields: &Fields, zone: Tz) -> Result<Self, Unfit> {
        let day = &fields.day;
        if !day.is_all() && day.values.iter().any(|day| *day > LAST_OF_ALL_MONTHS) {
            return Err(Unfit(LATE_DAY.to_owned()));
        }
        // Each schedule asks for all that it says; cron is content with one of the two kinds of days.
        let kinds: &[_] =
            if fields.has_both_days() { &[(true, false), (false, true)] } else { &[(true, true)] };
        let schedules = kinds.iter().map(|(by_month, by_week)| {
            let or_all = |marks: Vec<bool>, is_asked: bool| {
                marks.into_iter().map(|mark| mark || !is_asked).collect::<Vec<_>>()
            };
            let mut month_days = or_all(day.marks(), *by_month);
            // The 32nd is the last one of each month.
            month_days.push(false);
            let weekdays = or_all(fields.weekday.marks(), *by_week);
            [fields.minute.marks(), fields.hour.marks(), weekdays, month_days, fields.month.marks()]
                .map(|marks| array(&marks))
        });
        Ok(Self { schedules: schedules.collect(), zone })
    }

    /// Rows for an INSERT.
    fn rows(&self) -> String {
        let rows = self.schedules.iter().enumerate().map(|(at, schedule)| {
            format!(
                "\n    (tk_job, 'tokenkeeper {}', now(),\n      {})",
                at + 1,
                schedule.join(",\n      ")
            )
        });
        rows.collect::<Vec<_>>().join(",")
    }
}

impl PgAgent {
    /// The job with this step, at these times.
    #[must_use]
    pub fn new(job: &Job<'_>, step: &Step, times: &Times) -> Self {
        let (procedure, kind, database, command) = match step {
            Step::Procedure { text, elsewhere } => {
                let database = elsewhere.as_deref().map_or("current_database()".to_owned(), quoted);
                (postgres::procedure(job, text), "s", database, postgres::command(job))
            }
            Step::Program(script) => (String::new(), "b", quoted(""), script.clone()),
        };
        let made = JOB
            .replace("{name}", &job.name())
            .replace("{ours}", &job.mark())
            .replace("{zone}", times.zone.name())
            .replace("{kind}", kind)
            .replace("{rows}", &times.rows())
            .replace("{database}", &database)
            // Last: what stands in it is nobody's gap.
            .replace("{command}", &quoted(&command));
        Self { procedure, job: made }
    }
}

/// A literal of PostgreSQL.
fn array(marks: &[bool]) -> String {
    let marks: Vec<_> = marks.iter().map(|mark| if *mark { "t" } else { "f" }).collect();
    format!("'{{{}}}'", marks.join(","))
}

/// What the job's text is quoted by.
const TAG: &str = "$tokenkeeper$";
const LAST_OF_ALL_MONTHS: u8 = 28;
const LATE_DAY: &str = "pgAgent looks for the 29th, 30th and 31st in each month, and fails in those that lack them: write days up \
     to 28, or weekdays; or let `tokenkeeper-worker daemon` begin the clean-ups";

/// `jobnextrun` is reckoned by triggers, in the zone of the session.
const JOB: &str = "\
BEGIN;
-- Times are of this zone. The agent reckons in the zone of its own sessions: where SHOW timezone says another one there,
-- make this text anew with --agent-zone.
SET LOCAL TIME ZONE '{zone}';
DO $tokenkeeper$
DECLARE
  tk_job integer;
BEGIN
  IF to_regclass('pgagent.pga_job') IS NULL THEN
    RAISE EXCEPTION 'there is no pgAgent in this database: see docs/schedule-databases.md';
  END IF;
  -- Names of jobs are not unique: two who make it at once wait for each other.
  PERFORM pg_advisory_xact_lock(hashtextextended('tokenkeeper schedule {name}', 0));
  -- A job of the same name that is somebody else's stays as it is.
  IF EXISTS (SELECT 1 FROM pgagent.pga_job WHERE jobname = '{name}'
    AND jobdesc NOT LIKE 'tokenkeeper-worker schedule: %') THEN
    RAISE EXCEPTION 'there is a job {name} that tokenkeeper-worker has not made: rename it';
  END IF;
  -- A job of ours is changed, not made anew: its log stays.
  SELECT MIN(jobid) INTO tk_job FROM pgagent.pga_job WHERE jobname = '{name}';
  IF tk_job IS NULL THEN
    INSERT INTO pgagent.pga_job (jobjclid, jobname, jobdesc)
    SELECT jclid, '{name}', '{ours}' FROM pgagent.pga_jobclass ORDER BY jclname = 'Routine Maintenance' DESC, jclid LIMIT 1
    RETURNING jobid INTO STRICT tk_job;
  END IF;
  UPDATE pgagent.pga_job SET jobenabled = true, jobchanged = now() WHERE jobid = tk_job;
  -- Where the step fails, the job does. It runs as the agent's user: no password is written here.
  UPDATE pgagent.pga_jobstep SET jstenabled = true, jstkind = '{kind}', jstonerror = 'f', jstconnstr = '', jstdbname = {database},
    jstcode = {command}
  WHERE jstjobid = tk_job AND jstname = 'clean';
  IF NOT FOUND THEN
    INSERT INTO pgagent.pga_jobstep (jstjobid, jstname, jstkind, jstonerror, jstdbname, jstcode)
    VALUES (tk_job, 'clean', '{kind}', 'f', {database}, {command});
  END IF;
  DELETE FROM pgagent.pga_schedule WHERE jscjobid = tk_job;
  -- Minutes, hours, weekdays from Sunday, days of the month and the last one, months: all must be so.
  INSERT INTO pgagent.pga_schedule (jscjobid, jscname, jscstart, jscminutes, jschours, jscweekdays, jscmonthdays, jscmonths)
  VALUES {rows};
END
$tokenkeeper$;
COMMIT;
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cron::{Schedule, zone},
        schedule::databases::calendar,
    };

    fn times(at: &str) -> Result<Times, Unfit> {
        let utc = zone("UTC").unwrap();
        let schedule = Schedule::parse(at, utc).unwrap();
        let now = "2026-11-22T12:34:56Z".parse().unwrap();
        Times::new(&calendar::fields(&schedule, utc, now).unwrap(), utc)
    }

    /// How many are true, and of how many.
    fn told(at: &str) -> Vec<[(usize, usize); 5]> {
        let count =
            |array: &String| (array.matches('t').count(), array.matches(['t', 'f']).count());
        times(at).unwrap().schedules.iter().map(|row| row.each_ref().map(count)).collect()
    }

    #[test]
    fn arrays_have_the_lengths_that_pgagent_asks_for() {
        assert_eq!(told("*/15 3 * * 1-5"), [[(4, 60), (1, 24), (5, 7), (31, 32), (12, 12)]]);
        assert_eq!(told("0 3 1 6 *"), [[(1, 60), (1, 24), (7, 7), (1, 32), (1, 12)]]);
    }

    #[test]
    fn either_kind_of_day_is_a_schedule_of_its_own() {
        assert_eq!(
            told("0 3 1 * 1"),
            [
                [(1, 60), (1, 24), (7, 7), (1, 32), (12, 12)],
                [(1, 60), (1, 24), (1, 7), (31, 32), (12, 12)]
            ]
        );
    }

    #[test]
    fn a_programs_words_are_words_of_a_shell_and_never_end_the_text() {
        let step = |word: &str| Step::program(&["/bin/x".to_owned(), word.to_owned()]);
        let Ok(Step::Program(script)) = step("it's $(me)") else { panic!("it fits") };
        assert!(script.ends_with("\nexec '/bin/x' 'it'\\''s $(me)'\n"), "{script}");
        for odd in ["$tokenkeeper$; DROP", "a\nb"] {
            assert!(step(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn days_that_some_months_lack_are_refused() {
        for at in ["0 3 31 * *", "0 3 29 2 *", "0 3 */2 * *", "0 3 30 * 1"] {
            let refused = times(at).unwrap_err().to_string();
            assert!(refused.contains("28"), "{at}: {refused}");
        }
    }
}
