-- Sessions of the dashboard (metering/books/sessions.py). One is over at its end, or when it was not used for some time.

-- session_add: a new session that ends in $5 seconds; when that is.
INSERT INTO sessions (session_id, digest, key_digest, admin, expires_at)
VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))
RETURNING to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- session_find: a session that is not over, and in how many seconds it would be, unused for $2 seconds. That it is used
-- is noted at most every $3 seconds.
WITH used AS (
    UPDATE sessions SET used_at = clock_timestamp()
     WHERE digest = $1 AND used_at < clock_timestamp() - make_interval(secs => $3)
       AND least(expires_at, used_at + make_interval(secs => $2)) > clock_timestamp())
SELECT session_id::text, key_digest, admin, to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       extract(epoch FROM least(expires_at, used_at + make_interval(secs => $2)) - clock_timestamp())::float8 AS seconds
  FROM sessions
 WHERE digest = $1 AND least(expires_at, used_at + make_interval(secs => $2)) > clock_timestamp();

-- session_end: end a session; its id, or no row when it has ended before.
DELETE FROM sessions WHERE digest = $1 RETURNING session_id::text;

-- sessions_expire: forget at most $2 sessions that are over, or were not used for $1 seconds; returns how many.
WITH old AS (
    DELETE FROM sessions WHERE session_id IN (
        SELECT session_id FROM sessions
         WHERE expires_at < statement_timestamp() OR used_at < statement_timestamp() - make_interval(secs => $1) LIMIT $2)
    RETURNING 1)
SELECT count(*) FROM old;
