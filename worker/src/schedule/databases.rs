//! Jobs of the databases' own schedulers: a policy's procedure, and what calls it at its times.

pub mod agent_times;
pub mod calendar;
pub mod mysql_event;
pub mod oracle_scheduler;
pub mod pg_cron;
pub mod pgagent;
pub mod postgres;
pub mod rhythm;
pub mod sqlserver_agent;

/// Stands in the command of each job that is ours: a job of the same name without it is somebody else's.
pub const MARK: &str = "/* made by tokenkeeper-worker schedule */";
