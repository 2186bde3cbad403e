import dayjs from "dayjs";
import timezone from "dayjs/plugin/timezone";
import utc from "dayjs/plugin/utc";
import { dayIn } from "../../format/days";
import type { Filters } from "../../ui/useFilters";
import { dayOf } from "./filters";

dayjs.extend(utc);
dayjs.extend(timezone);

/** The ranges that are offered, in days of the account's calendar with today as the last one. */
export const RANGES = [1, 7, 30, 90] as const;
const DEFAULT_DAYS = 7;
const HOURLY_DAYS = 2; // Up to here a chart has a step for each hour,
const DAILY_DAYS = 92; // up to here one for each day, beyond one for each month.

export type Step = "hour" | "day" | "month";

/** Days of the account's calendar, both included. */
export interface Range {
  /** The range that was offered and chosen; null: the days were. */
  days: number | null;
  first: string;
  last: string;
}

export interface Moments {
  from: string;
  /** Undefined where the range is open: up to now, whenever that is. */
  to: string | undefined;
  step: Step;
}

export function rangeOf(filters: Pick<Filters, "one">, now: Date, zone: string): Range {
  const today = dayIn(now, zone);
  const from = dayOf(filters.one("from"));
  const to = dayOf(filters.one("to"));
  if (from !== null || to !== null) {
    const last = to ?? today;
    const first = from ?? addDays(last, 1 - DEFAULT_DAYS);
    return first <= last ? { days: null, first, last } : { days: null, first: last, last: first };
  }
  const days = RANGES.find((range) => String(range) === filters.one("range")) ?? DEFAULT_DAYS;
  return { days, first: addDays(today, 1 - days), last: today };
}

/** The range as the API takes it. */
export function momentsOf({ first, last }: Range, now: Date, zone: string): Moments {
  const count = dayjs.utc(last).diff(dayjs.utc(first), "day") + 1;
  return {
    from: startOf(first, zone),
    to: last >= dayIn(now, zone) ? undefined : startOf(addDays(last, 1), zone),
    step: count <= HOURLY_DAYS ? "hour" : count <= DAILY_DAYS ? "day" : "month",
  };
}

/** One step of a chart: its name as the API's `period` ("2026-11", "2026-11-21", "2026-11-21T14:00"), and its begin. */
export interface Slot {
  period: string;
  at: number;
}

/** All steps of a range, also those in which nothing happened. */
export function slotsOf(moments: Moments, now: Date, zone: string): Slot[] {
  const end = moments.to === undefined ? now.getTime() : Date.parse(moments.to);
  const slots: Slot[] = [];
  // An hour is always as long; a day and a month are not where clocks are changed.
  for (let at = Date.parse(moments.from); at < end; at = next(at, moments.step, zone)) {
    slots.push({ period: periodOf(at, moments.step, zone), at });
  }
  return slots;
}

/** The name of the step in which a moment is. */
export function periodOf(at: number, step: Step, zone: string): string {
  const day = dayIn(new Date(at), zone);
  if (step === "month") return day.slice(0, 7);
  return step === "day" ? day : `${day}T${dayjs.tz(at, zone).format("HH")}:00`;
}

/** The sums of each step, or none. Hours are told apart by when they begin: one comes twice where clocks go back. */
export function inSlots<Point extends { at: string; period: string }>(
  slots: Slot[],
  points: Point[],
  step: Step,
): (Point | undefined)[] {
  const keyOf = (slot: { period: string; at: number }) => (step === "hour" ? String(slot.at) : slot.period);
  const found = new Map(points.map((point) => [keyOf({ period: point.period, at: Date.parse(point.at) }), point]));
  return slots.map((slot) => found.get(keyOf(slot)));
}

export function addDays(day: string, count: number): string {
  return dayjs.utc(day).add(count, "day").format("YYYY-MM-DD");
}

function startOf(day: string, zone: string): string {
  return dayjs.tz(day, zone).toISOString();
}

function next(at: number, step: Step, zone: string): number {
  if (step === "hour") return at + 3_600_000;
  const day = dayIn(new Date(at), zone);
  const following =
    step === "day"
      ? addDays(day, 1)
      : dayjs
          .utc(`${day.slice(0, 7)}-01`)
          .add(1, "month")
          .format("YYYY-MM-DD");
  return Date.parse(startOf(following, zone));
}
