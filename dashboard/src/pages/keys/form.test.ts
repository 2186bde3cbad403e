import { expect, test } from "vitest";
import { formOf, NEW_KEY, newKeyOf, patchOf, stateOf, type Key } from "./form";

const key: Key = {
  id: "k",
  account_id: "a",
  user_id: "ann",
  name: "app",
  prefix: "fbx_12345678",
  role: "member",
  models: ["gpt-4o"],
  limits: null,
  ip_ranges: null,
  expires_at: "2026-12-01T08:00:00.000000Z",
  previous_valid_until: null,
  revoked_at: null,
  last_used_at: null,
  created_at: "2026-11-01T08:00:00.000000Z",
  feature: null,
};

test("a new key says only what was written", () => {
  expect(newKeyOf({ ...NEW_KEY, name: " app " }, {})).toEqual({ name: "app" });
  expect(
    newKeyOf({ ...NEW_KEY, userId: "ann", role: "admin", expiresAt: "2026-12-01 08:00:00" }, { spend_per_day: 5 }),
  ).toEqual({
    name: "",
    user_id: "ann",
    role: "admin",
    expires_at: "2026-12-01T08:00:00.000Z",
    limits: { spend_per_day: 5 },
  });
});

test("a change says only what differs; what was emptied is null", () => {
  expect(patchOf(key, formOf(key))).toEqual({});
  expect(patchOf(key, { ...formOf(key), name: "bot", models: [], expiresAt: null })).toEqual({
    name: "bot",
    models: null,
    expires_at: null,
  });
});

test("a revoked key is revoked, also when it would have expired", () => {
  const later = new Date("2027-01-01T00:00:00Z");
  expect(stateOf(key, new Date("2026-11-21T00:00:00Z"))).toBe("active");
  expect(stateOf(key, later)).toBe("expired");
  expect(stateOf({ ...key, revoked_at: "2026-11-20T00:00:00Z" }, later)).toBe("revoked");
});
