import type { QueryOf } from "../../api/types";
import type { Filters } from "../../ui/useFilters";

type LedgerQuery = QueryOf<"listEntries">;

export const TYPES = ["Usage", "Purchase", "Refund", "Grant", "Expiry", "Revoke", "Correction"] as const;
export const SIZES = ["25", "100", "300"] as const;
const SORTED = ["at", "kind", "amount", "model", "service", "balance_after"] as const;
const SORTS: readonly string[] = SORTED.flatMap((field) => [field, `-${field}`]);

/** The filters that the page offers; all of them are the API's own. */
export const FILTERS = [
  "type",
  "user_id",
  "model",
  "session_id",
  "request_id",
  "pack_id",
  "feature",
  "from",
  "to",
  "min_amount",
  "max_amount",
];

export function sortOf(filters: Pick<Filters, "one">): NonNullable<LedgerQuery["sort"]> {
  const sort = filters.one("sort");
  return sort !== null && SORTS.includes(sort) ? (sort as NonNullable<LedgerQuery["sort"]>) : "-at";
}

/** What the address says, as the API is asked. What nobody could have chosen here is left out. */
export function queryOf(filters: Pick<Filters, "one" | "all">): LedgerQuery {
  const text = (name: string) => filters.one(name) ?? undefined;
  const amount = (name: string) => {
    const written = filters.one(name);
    return written !== null && /^\d+$/.test(written) ? Number(written) : undefined;
  };
  const users = filters.all("user_id");
  return {
    type: TYPES.find((type) => type === filters.one("type")),
    user_id: users.length === 0 ? undefined : users,
    model: text("model"),
    session_id: text("session_id"),
    request_id: text("request_id"),
    pack_id: text("pack_id"),
    feature: text("feature"),
    from: text("from"),
    to: text("to"),
    min_amount: amount("min_amount"),
    max_amount: amount("max_amount"),
    sort: sortOf(filters),
  };
}

export function sizeOf(filters: Pick<Filters, "one">): number {
  return Number(SIZES.find((size) => size === filters.one("rows")) ?? "25");
}
