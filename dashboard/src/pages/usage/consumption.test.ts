import { expect, test } from "vitest";
import type { Schema } from "../../api/types";
import { drawn, drawnByMember, topMembers } from "./consumption";
import { sortedBy } from "./members";

type UsagePoint = Schema<"UsagePoint">;

const use = (day: string, charge: number, more: Partial<UsagePoint> = {}): UsagePoint => ({
  at: `${day}T00:00:00.000000Z`,
  period: day,
  requests: 1,
  charge,
  allocated_amount: 0,
  surplus_amount: charge,
  input_amount: charge,
  output_amount: 0,
  prompt_tokens: charge,
  cached_tokens: 0,
  completion_tokens: 0,
  reasoning_tokens: 0,
  cost: 0,
  refunded: 0,
  ...more,
});
const DAYS = ["2026-11-20", "2026-11-21"];
const input = (sums: UsagePoint[]) => ({
  slots: DAYS.map((period) => ({ period, at: Date.parse(period) })),
  step: "day" as const,
  labelOf: (period: string) => period,
  sums,
});
const t = (key: string) => key;

test("a day without use is there, with nothing", () => {
  const { points } = drawn(input([use("2026-11-21", 9, { allocated_amount: 4, surplus_amount: 5 })]), "pool", t);
  expect(points).toEqual([
    { label: "2026-11-20", values: { allocated: 0, surplus: 0 } },
    { label: "2026-11-21", values: { allocated: 4, surplus: 5 } },
  ]);
});

test("members and all others add up to what was used", () => {
  const sums = [use("2026-11-20", 10), use("2026-11-21", 7)];
  const ada = [use("2026-11-20", 6, { user_id: "ada" }), use("2026-11-21", 7, { user_id: "ada" })];
  const { points, series } = drawnByMember(input(sums), ["ada"], ada, t);
  expect(series.map((one) => one.label)).toEqual(["ada", "others"]);
  expect(points.map((point) => point.values)).toEqual([
    { m0: 6, others: 4 },
    { m0: 7, others: 0 },
  ]);
});

test("without others there is no bar for them", () => {
  const ada = [use("2026-11-20", 6, { user_id: "ada" })];
  expect(drawnByMember(input(ada), ["ada"], ada, t).series.map((one) => one.label)).toEqual(["ada"]);
});

test("at most five members have a colour of their own, and nobody in particular has none", () => {
  const totals = ["a", null, "b", "c", "d", "e", "f"].map((user) => use("2026-11-20", 5, { user_id: user }));
  expect(topMembers(totals)).toEqual(["a", "b", "c", "d", "e"]);
});

test("who dips most into the surplus comes first, equal ones by name", () => {
  const rows = [
    use("2026-11-20", 50, { user_id: "own", surplus_amount: 0 }),
    use("2026-11-20", 9, { user_id: "ben" }),
    use("2026-11-20", 9, { user_id: "ada" }),
  ];
  const names = (sort: string) => sortedBy(rows, sort).map((row) => row.user_id);
  expect(names("-surplus_amount")).toEqual(["ada", "ben", "own"]);
  expect(names("-charge")).toEqual(["own", "ada", "ben"]);
  expect(names("-user_id")).toEqual(["own", "ben", "ada"]);
});
