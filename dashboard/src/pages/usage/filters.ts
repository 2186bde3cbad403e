import type { QueryOf } from "../../api/types";
import type { Filters } from "../../ui/useFilters";

type EventsQuery = QueryOf<"listEvents">;

/** What this page keeps in the address. The first line is for the charts and the table, the second for the table. */
export const SHARED_FILTERS = ["range", "from", "to", "resource", "user_id"] as const;
export const TABLE_FILTERS = ["pool", "io_type", "min_amount", "max_amount"] as const;
export const FILTERS: readonly string[] = [...SHARED_FILTERS, ...TABLE_FILTERS];

export const POOLS = ["allocated", "surplus", "hybrid"] as const;
export const IO_TYPES = ["input", "output"] as const;
export const VIEWS = ["pool", "io", "member"] as const;
export type View = (typeof VIEWS)[number];

const SORTS = ["at", "user_id", "amount", "resource", "pool", "io_type", "request_id", "endpoint"] as const;
const NEWEST_FIRST = "-at";
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** The filters as the address has them; what is malformed there counts as not given. */
export interface Chosen {
  resource: string | null;
  users: string[];
  pool: (typeof POOLS)[number] | null;
  io: (typeof IO_TYPES)[number] | null;
  /** Integers, as the ledger has them. */
  min: number | null;
  max: number | null;
  sort: NonNullable<EventsQuery["sort"]>;
  view: View;
}

export function chosenOf(filters: Pick<Filters, "one" | "all">): Chosen {
  const sort = filters.one("sort") ?? NEWEST_FIRST;
  return {
    resource: filters.one("resource"),
    users: filters.all("user_id"),
    pool: oneOf(POOLS, filters.one("pool")),
    io: oneOf(IO_TYPES, filters.one("io_type")),
    min: integerOf(filters.one("min_amount")),
    max: integerOf(filters.one("max_amount")),
    sort: (oneOf(SORTS, sort.replace(/^-/, "")) === null ? NEWEST_FIRST : sort) as Chosen["sort"],
    view: oneOf(VIEWS, filters.one("by")) ?? "pool",
  };
}

/** A day of the calendar, "2026-11-21", or null. */
export function dayOf(text: string | null): string | null {
  if (text === null || !DAY.test(text)) return null;
  const at = new Date(`${text}T00:00:00Z`);
  // "2026-02-30" becomes another day, or none.
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text) ? text : null;
}

/** The events that are asked for. An amount is one of a single resource: without a choice, of the account's unit. */
export function eventsQuery(chosen: Chosen, moments: { from: string; to: string | undefined }, unit: string) {
  const ranged = chosen.min !== null || chosen.max !== null;
  return {
    rows: "io",
    sort: chosen.sort,
    from: moments.from,
    to: moments.to,
    resource: chosen.resource ?? (ranged ? unit : undefined),
    user_id: chosen.users.length > 0 ? chosen.users : undefined,
    pool: chosen.pool ?? undefined,
    io_type: chosen.io ?? undefined,
    min_amount: chosen.min ?? undefined,
    max_amount: chosen.max ?? undefined,
  } satisfies EventsQuery;
}

function oneOf<One extends string>(known: readonly One[], text: string | null): One | null {
  return known.find((one) => one === text) ?? null;
}

function integerOf(text: string | null): number | null {
  if (text === null || !/^\d+$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}
