import dayjs from "dayjs";
import type { Schema } from "../../api/types";

export type Key = Schema<"ApiKey">;

/** What people write of a key. */
export interface KeyForm {
  name: string;
  userId: string;
  role: Key["role"];
  models: string[];
  feature: string;
  ipRanges: string[];
  /** The viewer's own time, "2026-11-21 08:00:00"; null: it never expires. */
  expiresAt: string | null;
}

export const NEW_KEY: KeyForm = {
  name: "",
  userId: "",
  role: "member",
  models: [],
  feature: "",
  ipRanges: [],
  expiresAt: null,
};

export function formOf(key: Key): KeyForm {
  return {
    name: key.name,
    userId: key.user_id ?? "",
    role: key.role,
    models: key.models ?? [],
    feature: key.feature ?? "",
    ipRanges: key.ip_ranges ?? [],
    expiresAt: localOf(key.expires_at),
  };
}

/** The body that creates a key. What is left empty is not sent: the API's own defaults hold. */
export function newKeyOf(form: KeyForm, limits: Schema<"KeyLimits">): Schema<"NewKey"> {
  return {
    name: form.name.trim(),
    ...(form.userId.trim() === "" ? {} : { user_id: form.userId.trim() }),
    // A key of somebody with a role of their own acts with that; the API refuses to be told another.
    ...(form.role === "admin" ? { role: "admin" } : {}),
    ...(form.models.length === 0 ? {} : { models: form.models }),
    ...(form.feature === "" ? {} : { feature: form.feature }),
    ...(form.ipRanges.length === 0 ? {} : { ip_ranges: form.ipRanges }),
    ...(form.expiresAt === null ? {} : { expires_at: momentOf(form.expiresAt) }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
}

/** The body that changes a key: only what differs, so that nothing else is asked for or written down. */
export function patchOf(key: Key, form: KeyForm): Schema<"KeyPatch"> {
  const before = formOf(key);
  const differs = (field: keyof KeyForm) => JSON.stringify(before[field]) !== JSON.stringify(form[field]);
  return {
    ...(differs("name") ? { name: form.name.trim() } : {}),
    ...(differs("role") ? { role: form.role } : {}),
    ...(differs("models") ? { models: orNull(form.models) } : {}),
    ...(differs("feature") ? { feature: form.feature === "" ? null : form.feature } : {}),
    ...(differs("ipRanges") ? { ip_ranges: orNull(form.ipRanges) } : {}),
    ...(differs("expiresAt") ? { expires_at: form.expiresAt === null ? null : momentOf(form.expiresAt) } : {}),
  };
}

/** A time of the viewer's clock as a moment for the API, and back. */
export function momentOf(local: string): string {
  return dayjs(local).toISOString();
}

export function localOf(moment: string | null): string | null {
  return moment === null ? null : dayjs(moment).format("YYYY-MM-DD HH:mm:ss");
}

function orNull(list: string[]): string[] | null {
  return list.length === 0 ? null : list;
}

export type KeyState = "active" | "expired" | "revoked";

export function stateOf(key: Key, now: Date): KeyState {
  if (key.revoked_at !== null) return "revoked";
  return key.expires_at !== null && new Date(key.expires_at) <= now ? "expired" : "active";
}
