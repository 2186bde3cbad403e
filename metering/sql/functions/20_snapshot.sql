-- account_snapshots: what Redis needs to admit requests, one row an account, as JSON text:
--   {"st": status, "fl": floor|null, "mr": min_reserve|null, "rs": {resource: debt},
--   "ms": {resource: min_reserve} (of resources that are not the account's unit; left out where there is none),
--    "pk": [[pack_id, remaining (-1 unlimited), expires_at ms (0 never), user ("" any), models ("" any), resource], …]}
-- Packs stand in burn-down order and are open: not revoked, not closed, not empty. An expired pack stays
-- until its rest is booked: what is held on it is known to be paid by it.
-- Callers that change an account hold its lock, so the version and the packs belong together.
CREATE OR REPLACE FUNCTION account_snapshots(p_accounts uuid[])
RETURNS TABLE (account_id uuid, version bigint, snapshot text)
LANGUAGE sql STABLE AS $$
    SELECT a.account_id, a.version, left(json_build_object(
        'st', a.status, 'fl', a.floor, 'mr', a.min_reserve,
        'rs', coalesce((SELECT json_object_agg(r.resource, r.debt)
                          FROM account_resources r WHERE r.account_id = a.account_id AND r.debt > 0), '{}'::json),
        'pk', coalesce((SELECT json_agg(json_build_array(
                                    p.pack_id,
                                    CASE WHEN p.unlimited THEN -1 ELSE p.remaining END,
                                    coalesce((extract(epoch FROM p.expires_at) * 1000)::bigint, 0),
                                    coalesce(p.user_id, ''),
                                    CASE WHEN p.models IS NULL THEN to_json(''::text) ELSE to_json(p.models) END,
                                    p.resource)
                                ORDER BY p.priority, p.unlimited, p.user_id IS NULL, p.models IS NULL,
                                         p.expires_at NULLS LAST, p.granted_at, p.pack_id)
                          FROM packs p
                         WHERE p.account_id = a.account_id AND p.closed_at IS NULL AND p.revoked_at IS NULL
                           AND (p.unlimited OR p.remaining > 0)), '[]'::json))::text, -1)
           || coalesce((SELECT ', "ms": ' || json_object_agg(r.resource, r.min_reserve)
                          FROM resource_settings r
                         WHERE r.account_id = a.account_id AND r.min_reserve IS NOT NULL AND r.resource <> a.unit), '')
           || '}'
      FROM accounts a
     WHERE a.account_id = ANY(p_accounts)
$$;

-- posted_balance: open packs minus debt, as the ledger has it (an expired pack counts until its rest is booked).
CREATE OR REPLACE FUNCTION posted_balance(p_account uuid, p_resource text) RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT (coalesce((SELECT sum(remaining) FROM packs
                       WHERE account_id = p_account AND resource = p_resource AND closed_at IS NULL AND NOT unlimited), 0)
          - coalesce((SELECT debt FROM account_resources WHERE account_id = p_account AND resource = p_resource), 0))::bigint
$$;
