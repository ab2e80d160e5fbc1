-- For WSO2.
USE 'tokens'; -- expect: quoted-name
CREATE EVENT 'nightly' EVERY 1 DAY -- expect: quoted-name, event-incomplete
    CALL purge_tokens(); -- expect: unknown-procedure
CREATE EVENT weekly EVERY 1 WEEK DO CALL WSO2_TOKEN_CLEANUP_SP(); -- expect: event-incomplete
