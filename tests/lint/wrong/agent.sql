BEGIN TRANSACTION; -- expect: split-transaction
IF @@ERROR <> 0 GOTO Failed; -- expect: goto-other-batch
EXEC msdb.dbo.sp_delete_job @job_name = N'Purge tokens'; -- expect: job-replaced
GO
EXEC msdb.dbo.sp_add_job @job_name = N'Purge tokens';
EXEC msdb.dbo.sp_add_jobstep @job_name = N'Purge tokens', @step_name = N'delete',
    @command = N'DELETE FROM ClientAccessTokens WHERE Expiration < GETDATE()'; -- expect: session-clock, unbounded-delete
EXEC msdb.dbo.sp_attach_schedule @job_name = N'Rebuild indexes', @schedule_name = N'nightly'; -- expect: other-job
COMMIT TRANSACTION;
Failed:
PRINT 'failed';
