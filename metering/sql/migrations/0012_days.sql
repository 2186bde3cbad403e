-- 0012_days: roll-ups by the day beside those by the hour, so that a month by member reads thirty rows for each and not
-- seven hundred. `dims` of a day is that of the hour and ten; a day is the account's own, its slot the beginning.
ALTER TABLE rollups DROP CONSTRAINT rollups_dims_check,
    ADD CONSTRAINT rollups_dims_check CHECK (dims BETWEEN 0 AND 6 OR dims BETWEEN 10 AND 16);

-- Whose days they are; null: not made yet. The gateways' chore makes them, and until then hours are read.
ALTER TABLE rollup_marks ADD COLUMN days_zone text;
