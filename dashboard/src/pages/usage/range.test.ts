import { expect, test } from "vitest";
import { inSlots, momentsOf, periodOf, rangeOf, slotsOf } from "./range";

const NOW = new Date("2026-11-21T23:30:00Z"); // In Berlin the 22nd has begun.
const asked = (search: string) => {
  const params = new URLSearchParams(search);
  return { one: (name: string) => params.get(name) };
};

test("without a choice the last seven days of the account's calendar are shown, up to now", () => {
  const range = rangeOf(asked(""), NOW, "Europe/Berlin");
  expect(range).toEqual({ days: 7, first: "2026-11-16", last: "2026-11-22" });
  expect(momentsOf(range, NOW, "Europe/Berlin")).toEqual({
    from: "2026-11-15T23:00:00.000Z",
    to: undefined,
    step: "day",
  });
});

test("chosen days are whole days, both included, in whichever order", () => {
  for (const search of ["from=2026-03-28&to=2026-03-30", "from=2026-03-30&to=2026-03-28"]) {
    const range = rangeOf(asked(search), NOW, "Europe/Berlin");
    // Clocks went forward on the 29th: the range begins at +01:00 and ends at +02:00.
    expect(momentsOf(range, NOW, "Europe/Berlin")).toEqual({
      from: "2026-03-27T23:00:00.000Z",
      to: "2026-03-30T22:00:00.000Z",
      step: "day",
    });
  }
});

test("what the address has wrong is not asked for", () => {
  expect(rangeOf(asked("range=8&from=2026-02-30&to=yesterday"), NOW, "UTC").days).toBe(7);
});

test("short ranges are shown by hours, long ones by months", () => {
  const step = (search: string) => momentsOf(rangeOf(asked(search), NOW, "UTC"), NOW, "UTC").step;
  expect([step("range=1"), step("range=90"), step("from=2025-11-22")]).toEqual(["hour", "day", "month"]);
});

test("every step is there, also on days when clocks are changed", () => {
  const of = (search: string, zone: string) => {
    const moments = momentsOf(rangeOf(asked(search), NOW, zone), NOW, zone);
    return slotsOf(moments, NOW, zone);
  };
  expect(of("from=2026-10-25&to=2026-10-25", "Europe/Berlin")).toHaveLength(25);
  expect(of("from=2026-03-29&to=2026-03-29", "Europe/Berlin")).toHaveLength(23);
  expect(of("from=2026-10-23&to=2026-10-26", "Europe/Berlin").map((slot) => slot.period)).toEqual([
    "2026-10-23",
    "2026-10-24",
    "2026-10-25",
    "2026-10-26",
  ]);
  expect(of("from=2026-01-15&to=2026-05-02", "Asia/Kolkata").map((slot) => slot.period)).toEqual([
    "2026-01",
    "2026-02",
    "2026-03",
    "2026-04",
    "2026-05",
  ]);
});

test("the hour that comes twice keeps both sums", () => {
  const zone = "Europe/Berlin";
  const moments = momentsOf(rangeOf(asked("from=2026-10-25&to=2026-10-25"), NOW, zone), NOW, zone);
  const points = ["2026-10-25T00:00:00.000000Z", "2026-10-25T01:00:00.000000Z"].map((at) => ({
    at,
    period: periodOf(Date.parse(at), "hour", zone),
  }));
  expect(points.map((point) => point.period)).toEqual(["2026-10-25T02:00", "2026-10-25T02:00"]);
  const filled = inSlots(slotsOf(moments, NOW, zone), points, "hour");
  expect(filled.filter((point) => point !== undefined)).toEqual(points);
});
