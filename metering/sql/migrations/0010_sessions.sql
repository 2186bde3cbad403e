-- 0010_sessions: sessions of the dashboard. Each is an API key or the admin key, turned into a cookie that can be ended.
--
-- `digest` is that of the cookie's random 256 bits; the token that guards against requests from other pages is derived
-- from those, so no secret stands here. A session is as good as what it was signed in with: `key_digest` is that of the
-- API key's secret, so that a key that is revoked or whose overlap has ended ends its sessions; `admin` is the
-- fingerprint of the admin key, so that another admin key does.
CREATE TABLE sessions (
    session_id uuid PRIMARY KEY,
    digest     bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    key_digest bytea CHECK (length(key_digest) = 32),
    admin      text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    CHECK ((key_digest IS NULL) <> (admin IS NULL))
);
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX sessions_by_use ON sessions (used_at);
