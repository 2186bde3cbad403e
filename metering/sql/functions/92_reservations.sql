-- close_reservation: end a reservation, once, whoever asks and however often:
--   'settle'    book p_row (a settlement; "units" in it is what was used in the reservation's base)
--   'release'   nothing was used
--   'deadline'  its time has been over for p_grace: p_row is booked if it asked for that (on_expiry), else it is released
-- Decided under the account's lock, together with the booking. `outcome`: 'done'; 'again': it had ended like that
-- before; 'taken': it had ended otherwise. No row: there is no such reservation.
-- Who settles after the deadline is booked all the same: what was released then, as use without a hold; what was
-- charged then is corrected to the exact amount, once (correct_event).
CREATE OR REPLACE FUNCTION close_reservation(p_id uuid, p_how text, p_row jsonb, p_grace interval)
RETURNS TABLE (outcome text, account_id uuid, version bigint, snapshot text)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    v_account uuid;
    v_outcome text;
    v_charge  bigint := (p_row ->> 'charge')::bigint;
    v_units   bigint := (p_row ->> 'units')::bigint;
    r         reservations;
BEGIN
    SELECT o.account_id INTO v_account FROM reservations o WHERE o.reservation_id = p_id;
    IF v_account IS NULL THEN RETURN; END IF;
    PERFORM 1 FROM accounts a WHERE a.account_id = v_account FOR NO KEY UPDATE;
    SELECT o.* INTO r FROM reservations o WHERE o.reservation_id = p_id;

    v_outcome := CASE
        WHEN p_how = 'release' THEN CASE r.status WHEN 'open' THEN 'done' WHEN 'settled' THEN 'taken' ELSE 'again' END
        WHEN p_how = 'deadline' THEN
            CASE WHEN r.status = 'open' AND r.expires_at + p_grace <= clock_timestamp() THEN 'done' ELSE 'again' END
        WHEN r.status = 'released' THEN 'taken'
        WHEN r.status = 'settled' AND NOT r.by_deadline THEN
            CASE WHEN r.charge = v_charge AND r.used_units = v_units THEN 'again' ELSE 'taken' END
        ELSE 'done' END;

    IF v_outcome = 'done' AND (p_how = 'settle' OR (p_how = 'deadline' AND r.on_expiry = 'settle')) THEN
        -- What its deadline released is held no longer.
        PERFORM settle(jsonb_build_array(
            CASE WHEN r.status = 'expired' THEN p_row || '{"reserved": 0, "split": []}'::jsonb ELSE p_row END));
        UPDATE reservations SET status = 'settled', closed_at = clock_timestamp(), by_deadline = p_how = 'deadline',
                                charge = v_charge, used_units = v_units WHERE reservation_id = p_id;
    ELSIF v_outcome = 'done' THEN
        UPDATE reservations SET status = CASE p_how WHEN 'release' THEN 'released' ELSE 'expired' END,
                                closed_at = clock_timestamp() WHERE reservation_id = p_id;
    END IF;
    RETURN QUERY SELECT v_outcome, s.account_id, s.version, s.snapshot FROM account_snapshots(ARRAY[v_account]) s;
END $$;
