//! MySQL and MariaDB: the procedure, and the event that calls it.

use super::rhythm::Rhythm;
use crate::cleanup::script::Job;

/// The statements that make an event, in order; what only a session needs is among them.
#[must_use]
pub fn statements(job: &Job<'_>, text: &str, rhythm: &Rhythm) -> Vec<String> {
    let fill = |template: &str| {
        template
            .replace("{procedure}", job.procedure.as_str())
            .replace("{name}", &job.name())
            .replace("{ours}", &job.mark())
            .replace("{every}", &rhythm.every())
            .replace("{text}", text.trim())
    };
    STATEMENTS.iter().map(|template| fill(template)).collect()
}

/// The same for the server's own client.
#[must_use]
pub fn script(job: &Job<'_>, text: &str, rhythm: &Rhythm) -> String {
    let mut script = "DELIMITER //\n".to_owned();
    for statement in statements(job, text, rhythm) {
        script.push_str(&statement);
        script.push_str("\n//\n");
    }
    script + "DELIMITER ;\n"
}

const STATEMENTS: [&str; 14] = [
    "SET @tokenkeeper_mode = @@SESSION.sql_mode, @tokenkeeper_zone = @@SESSION.time_zone",
    // The procedure keeps it; the event its zone.
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO', SESSION time_zone = '+00:00'",
    "DROP PROCEDURE IF EXISTS {procedure}_guard",
    "-- A procedure or event of the same name that is somebody else's stays as it is.
CREATE PROCEDURE {procedure}_guard()
BEGIN
  IF EXISTS (SELECT 1 FROM information_schema.routines WHERE routine_schema = DATABASE() AND routine_name = '{procedure}'
    AND routine_comment NOT LIKE 'tokenkeeper-worker schedule: %') THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'there is a procedure {procedure} that is not ours: rename it';
  END IF;
  IF EXISTS (SELECT 1 FROM information_schema.events WHERE event_schema = DATABASE() AND event_name = '{name}'
    AND event_comment NOT LIKE 'tokenkeeper-worker schedule: %') THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'there is an event {name} that is not ours: rename it';
  END IF;
END",
    "CALL {procedure}_guard()",
    "DROP PROCEDURE {procedure}_guard",
    "DROP EVENT IF EXISTS `{name}`",
    "DROP PROCEDURE IF EXISTS {procedure}",
    "{text}",
    // Even steps in UTC, whatever the server's zone is.
    "CREATE EVENT `{name}` ON SCHEDULE {every} ON COMPLETION PRESERVE ENABLE COMMENT '{ours}' DO CALL {procedure}()",
    "SET SESSION sql_mode = @tokenkeeper_mode, SESSION time_zone = @tokenkeeper_zone",
    "-- Events run where this says ON: SET GLOBAL event_scheduler = ON, and event_scheduler = ON in the server's configuration.
SELECT @@GLOBAL.event_scheduler AS event_scheduler",
    "SET @tokenkeeper_mode = NULL",
    "SET @tokenkeeper_zone = NULL",
];
