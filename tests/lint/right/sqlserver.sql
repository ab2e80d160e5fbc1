USE [EdFi_Admin]
GO
DECLARE @rows int = 1;
WHILE @rows > 0
BEGIN
    DELETE TOP (1000) FROM dbo.ClientAccessTokens WHERE Expiration < DATEADD(MINUTE, -5, GETUTCDATE());
    SET @rows = @@ROWCOUNT;
END
GO
IF NOT EXISTS (SELECT 1 FROM msdb.dbo.sysjobs WHERE name = N'Purge tokens')
    EXEC msdb.dbo.sp_add_job @job_name = N'Purge tokens';
EXEC msdb.dbo.sp_attach_schedule @job_name = N'Purge tokens', @schedule_name = N'half-hourly';
