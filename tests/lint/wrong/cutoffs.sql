DELETE FROM IDN_OAUTH2_AUTHORIZATION_CODE
WHERE CODE_ID IN (SELECT CODE_ID FROM CHOSEN)
  AND TIME_CREATED < CURRENT TIMESTAMP - CURRENT TIMEZONE + 2 HOUR; -- expect: cutoff-ahead
DECLARE @cut datetime = DATEADD(HOUR, 2, GETUTCDATE()); -- expect: cutoff-ahead
DELETE TOP (1000) FROM ClientAccessTokens WHERE Expiration < @cut;
DELETE TOP (1000) FROM ClientAccessTokens WHERE Expiration > GETUTCDATE(); -- expect: deletes-living
