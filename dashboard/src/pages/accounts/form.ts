import type { Schema } from "../../api/types";
import { kindOf } from "../../format/amounts";
import { dollarsOf, microOf } from "../keys/limits";

export type Account = Schema<"AccountListed">;

/** What people write of an account; an empty text leaves the decision to the configuration. */
export interface AccountForm {
  name: string;
  email: string;
  plan: string;
  domain: string;
  unit: Account["unit"];
  timeZone: string;
  minReserve: string;
  warningThreshold: string;
  floor: NonNullable<Account["floor"]> | "";
  clamp: NonNullable<Account["clamp"]> | "";
  orphan: NonNullable<Account["orphan"]> | "";
  replay: boolean;
  status: Account["status"];
}

export const NEW_ACCOUNT: AccountForm = {
  name: "",
  email: "",
  plan: "",
  domain: "",
  unit: "tokens",
  timeZone: "UTC",
  minReserve: "",
  warningThreshold: "",
  floor: "",
  clamp: "",
  orphan: "",
  replay: false,
  status: "active",
};

export function formOf(account: Account): AccountForm {
  const text = (amount: number | null) => amountText(amount, account.unit);
  return {
    name: account.name,
    email: account.email ?? "",
    plan: account.plan ?? "",
    domain: account.domain ?? "",
    unit: account.unit,
    timeZone: account.time_zone,
    minReserve: text(account.min_reserve),
    warningThreshold: text(account.warning_threshold),
    floor: account.floor ?? "",
    clamp: account.clamp ?? "",
    orphan: account.orphan ?? "",
    replay: account.replay,
    status: account.status,
  };
}

/** The amounts that can't be read; a form with any is not sent. */
export function wrongOf(form: AccountForm): ("minReserve" | "warningThreshold")[] {
  return (["minReserve", "warningThreshold"] as const).filter(
    (field) => form[field].trim() !== "" && amountOf(form[field], form.unit) === null,
  );
}

export function newAccountOf(form: AccountForm): Schema<"NewAccount"> {
  return { ...settingsOf(form), name: form.name.trim(), unit: form.unit };
}

/** The body that changes an account: only what differs from before. */
export function patchOf(account: Account, form: AccountForm): Schema<"AccountPatch"> {
  const before = bodyOf(formOf(account));
  const after = bodyOf(form);
  return Object.fromEntries(
    Object.entries(after).filter(([field, value]) => value !== before[field as keyof typeof before]),
  );
}

function bodyOf(form: AccountForm) {
  return { ...settingsOf(form), name: form.name.trim(), status: form.status };
}

function settingsOf(form: AccountForm) {
  return {
    email: orNull(form.email.trim()),
    plan: orNull(form.plan.trim()),
    domain: orNull(form.domain.trim()),
    time_zone: form.timeZone,
    min_reserve: amountOf(form.minReserve, form.unit),
    warning_threshold: amountOf(form.warningThreshold, form.unit),
    floor: orNull(form.floor),
    clamp: orNull(form.clamp),
    orphan: orNull(form.orphan),
    replay: form.replay,
  };
}

function orNull<Text extends string>(text: Text): Exclude<Text, ""> | null {
  return text === "" ? null : (text as Exclude<Text, "">);
}

/** An amount of the account's unit, 0 included; null where none is written. */
export function amountOf(text: string, unit: string): number | null {
  const written = text.trim();
  if (/^0*\.?0*$/.test(written)) return written === "" || written === "." ? null : 0;
  return kindOf(unit) === "money" ? microOf(written) : /^\d{1,16}$/.test(written) ? Number(written) : null;
}

function amountText(amount: number | null, unit: string): string {
  if (amount === null) return "";
  return kindOf(unit) === "money" ? dollarsOf(amount) : String(amount);
}
