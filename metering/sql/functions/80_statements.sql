-- month_start: the first moment of a day in a time zone. Where clocks are put back at midnight the day begins twice, and
-- Postgres takes the second time; the calendar turns at the first. Where midnight is skipped, it begins after the gap.
CREATE OR REPLACE FUNCTION month_start(p_day date, p_zone text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT min(c.at)
      FROM (SELECT (p_day::timestamp AT TIME ZONE p_zone) - back AS at
              FROM unnest(ARRAY['0', '30 minutes', '1 hour', '2 hours', '3 hours']::interval[]) back) c
     WHERE c.at AT TIME ZONE p_zone >= p_day::timestamp
$$;

-- last_version_before: the highest version of an account that has an entry from before p_at; 0: none. It is a border
-- between versions, so that months share no entry and miss none, even if a clock was put back meanwhile; a version that
-- crosses the border belongs to the time before. An entry's day is never more than one from that of its time.
CREATE OR REPLACE FUNCTION last_version_before(p_account uuid, p_at timestamptz) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT greatest(
        0,
        (SELECT e.version FROM entries e
          WHERE e.account_id = p_account AND e.day < (p_at AT TIME ZONE 'UTC')::date - 1
          ORDER BY e.version DESC, e.seq DESC LIMIT 1),
        (SELECT max(e.version) FROM entries e
          WHERE e.account_id = p_account AND e.at < p_at AND e.at >= p_at - interval '4 days'
            AND e.day >= (p_at AT TIME ZONE 'UTC')::date - 1))
$$;
