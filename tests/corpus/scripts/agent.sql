USE [msdb]
GO
BEGIN TRANSACTION DECLARE @n int = 10000 EXEC sp_add_job @job_name = N'a'
EXEC sp_attach_schedule @job_name = N'b', @schedule_name = N'c' GOTO Out
WHILE 1 = 1 BEGIN DELETE TOP (@n) t FROM [dbo].[ClientAccessTokens] AS t WHERE (t.Expiration < DATEADD(HOUR, -2, GETDATE())) END
Out: COMMIT
