-- Nobody is told anything here: workers that stay ask again and again. On PostgreSQL triggers come with this number.
SELECT 1;
