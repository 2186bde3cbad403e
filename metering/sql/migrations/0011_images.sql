-- 0011_images: how many images were processed, in the roll-ups and in what retention keeps. An account may be charged for
-- them in images or in credits (functions/75_reads.sql, images_of), so that no charge says how many there were.
ALTER TABLE rollups ADD COLUMN images bigint NOT NULL DEFAULT 0;
ALTER TABLE kept_usage ADD COLUMN images bigint NOT NULL DEFAULT 0;
UPDATE kept_usage SET images = charge WHERE resource = 'images';

-- They answer one column more, which a replacement must not: they are made anew with all functions.
DROP FUNCTION IF EXISTS usage_whole(uuid, bigint, bigint);
DROP FUNCTION IF EXISTS usage_moved(uuid, bigint, bigint);

-- Roll-ups of accounts that have processed images are made again, from the beginning.
CREATE TEMPORARY TABLE with_images ON COMMIT DROP AS
    SELECT DISTINCT account_id FROM events
     WHERE endpoint <> 'chat/completions' AND (resource = 'images' OR (resource = 'credits' AND rate_version LIKE 'price:%'));
DELETE FROM rollups r USING with_images w WHERE r.account_id = w.account_id;
UPDATE rollup_marks m SET version = 0 FROM with_images w WHERE m.account_id = w.account_id;
