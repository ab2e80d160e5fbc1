DECLARE @size int = 10000;
DECLARE @now datetime = GETUTCDATE();
DELETE TOP (@size) FROM dbo.ClientAccessTokens WHERE Expiration <= @now; -- expect: large-batch
DELETE FROM dbo.ClientAccessTokens WHERE Expiration <= @now; -- expect: unbounded-delete
DELETE FROM dbo.ClientAccessTokens; -- expect: every-row
GO
SELECT TOKEN_ID INTO #keys FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_STATE = 'REVOKED';
DELETE FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID IN (SELECT TOKEN_ID FROM #keys); -- expect: unbounded-delete
