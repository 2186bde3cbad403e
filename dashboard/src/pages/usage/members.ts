import type { Schema } from "../../api/types";

type Totals = Schema<"UsagePoint">;

const FIELDS = ["requests", "charge", "allocated_amount", "surplus_amount"] as const;

/** Members in the order of a field, "-surplus_amount"; equal ones by their name. */
export function sortedBy(rows: Totals[], sort: string): Totals[] {
  const falls = sort.startsWith("-");
  const field = FIELDS.find((one) => one === sort.replace(/^-/, ""));
  const byName = (one: Totals, other: Totals) => (one.user_id ?? "").localeCompare(other.user_id ?? "");
  return rows.toSorted((one, other) => {
    if (field === undefined) return falls ? byName(other, one) : byName(one, other);
    const difference = one[field] - other[field];
    return (falls ? -difference : difference) || byName(one, other);
  });
}
