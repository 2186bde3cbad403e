import type { Schema } from "../../api/types";
import type { Point, Series } from "../../ui/chart/SeriesChart";
import type { View } from "./filters";
import { inSlots, type Slot, type Step } from "./range";

type UsagePoint = Schema<"UsagePoint">;

export const MEMBERS_SHOWN = 5;
const COLORS = ["cyan.8", "orange.6", "violet.6", "teal.6", "pink.6"];
const OTHERS = "others";

/** The members who used most, of totals that are sorted so. What nobody in particular used belongs to the others. */
export function topMembers(totals: UsagePoint[]): string[] {
  return totals.flatMap((point) => (point.user_id && point.charge > 0 ? [point.user_id] : [])).slice(0, MEMBERS_SHOWN);
}

interface Drawn {
  series: Series[];
  points: Point[];
}

interface Input {
  slots: Slot[];
  step: Step;
  labelOf: (period: string) => string;
  /** All that was used in each step. */
  sums: UsagePoint[];
}

/** What was used in each step, by what paid for it, or by input and output. */
export function drawn(
  { slots, step, labelOf, sums }: Input,
  view: Exclude<View, "member">,
  t: (key: string) => string,
): Drawn {
  const found = inSlots(slots, sums, step);
  const [low, high] = view === "pool" ? (["allocated", "surplus"] as const) : (["input", "output"] as const);
  return {
    series: [
      { name: low, label: t(view === "pool" ? "pool.allocated" : "io.input"), color: "cyan.8" },
      { name: high, label: t(view === "pool" ? "pool.surplus" : "io.output"), color: "orange.6" },
    ],
    points: slots.map((slot, index) => ({
      label: labelOf(slot.period),
      values: { [low]: found[index]?.[`${low}_amount`] ?? 0, [high]: found[index]?.[`${high}_amount`] ?? 0 },
    })),
  };
}

/** What each of the members used in each step, and all others together. */
export function drawnByMember(
  { slots, step, labelOf, sums }: Input,
  members: string[],
  points: UsagePoint[],
  t: (key: string) => string,
): Drawn {
  const all = inSlots(slots, sums, step);
  const each = members.map((member) =>
    inSlots(
      slots,
      points.filter((point) => point.user_id === member),
      step,
    ),
  );
  const rows = slots.map((slot, index) => {
    const values = each.map((found) => found[index]?.charge ?? 0);
    const others = (all[index]?.charge ?? 0) - values.reduce((sum, value) => sum + value, 0);
    // The two reads are a moment apart: what came between them must not show as less than nothing.
    return { label: labelOf(slot.period), values: [...values, Math.max(0, others)] };
  });
  const withOthers = rows.some((row) => (row.values.at(-1) ?? 0) > 0);
  // Names of series are made here: a member may be called like a property of anything.
  const series = members.map((member, index) => ({
    name: `m${index}`,
    label: member,
    color: COLORS[index] ?? "gray.6",
  }));
  return {
    series: withOthers ? [...series, { name: OTHERS, label: t("others"), color: "gray.6" }] : series,
    points: rows.map(({ label, values }) => ({
      label,
      values: Object.fromEntries(values.map((value, index) => [index < members.length ? `m${index}` : OTHERS, value])),
    })),
  };
}
