import type { Schema } from "../../api/types";
import { kindOf } from "../../format/amounts";

export type Limits = Schema<"KeyLimits">;
export type LimitName = keyof Limits;

export const LIMITS = [
  "requests_per_minute",
  "tokens_per_minute",
  "concurrent_requests",
  "spend_per_day",
  "spend_per_month",
] as const satisfies readonly LimitName[];

/** What is written in the fields of a form; nothing in a field is no limit. */
export type LimitTexts = Record<LimitName, string>;

const MOST = 2 ** 52;
const MICRO_DIGITS = 6;

/** Whether a limit is written in dollars: what may be spent by an account that pays in credits. */
export function isMoney(name: LimitName, unit: string): boolean {
  return name.startsWith("spend") && kindOf(unit) === "money";
}

/** What an amount of a limit is of: its account's unit, tokens, or nothing but a number. */
export function resourceOf(name: LimitName, unit: string): string {
  return name.startsWith("spend") ? unit : name === "tokens_per_minute" ? "tokens" : "requests";
}

/** The texts of a form that shows these limits. */
export function textsOf(limits: Limits | null, unit: string): LimitTexts {
  const text = (name: LimitName) => {
    const most = limits?.[name];
    if (most === null || most === undefined) return "";
    return isMoney(name, unit) ? dollarsOf(most) : String(most);
  };
  return Object.fromEntries(LIMITS.map((name) => [name, text(name)])) as LimitTexts;
}

/** The limits that a form says, or the fields that say none. */
export function limitsOf(texts: LimitTexts, unit: string): { limits: Limits; wrong: LimitName[] } {
  const limits: Limits = {};
  const wrong: LimitName[] = [];
  for (const name of LIMITS) {
    const text = texts[name].trim();
    if (text === "") continue;
    const most = isMoney(name, unit) ? microOf(text) : wholeOf(text);
    if (most === null) wrong.push(name);
    else limits[name] = most;
  }
  return { limits, wrong };
}

/** A positive integer, or null. */
export function wholeOf(text: string): number | null {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= 1 && value <= MOST ? value : null;
}

/** Dollars as micro-dollars, digit by digit: no binary fraction comes near an amount. */
export function microOf(dollars: string): number | null {
  const parts = /^(\d*)(?:\.(\d{0,6}))?$/.exec(dollars);
  if (!parts) return null;
  const [, whole = "", fraction = ""] = parts;
  return wholeOf(`${whole}${fraction.padEnd(MICRO_DIGITS, "0")}`.replace(/^0+(?=\d)/, ""));
}

export function dollarsOf(micro: number): string {
  const digits = String(micro).padStart(MICRO_DIGITS + 1, "0");
  const fraction = digits.slice(-MICRO_DIGITS).replace(/0+$/, "");
  const whole = digits.slice(0, -MICRO_DIGITS);
  return fraction === "" ? whole : `${whole}.${fraction.padEnd(2, "0")}`;
}
