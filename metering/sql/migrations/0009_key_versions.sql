-- 0009_key_versions: the mirror of keys in Redis takes a record only when its version is higher.
--
-- A key's record also says what its account allows, so the version of a record is the sum of both: each of them
-- only grows, and any change of either makes the sum higher.
ALTER TABLE api_keys ADD COLUMN version bigint NOT NULL DEFAULT 1;
