import { expect, test } from "vitest";
import { byDay, dayIn, lastDays, since } from "./days";

const NEW_YEAR = new Date("2027-01-01T03:30:00Z");

test("a day is that of the account's zone", () => {
  expect(dayIn(NEW_YEAR, "UTC")).toBe("2027-01-01");
  expect(dayIn(NEW_YEAR, "America/New_York")).toBe("2026-12-31");
});

test("the last days end today, whatever clocks do in between", () => {
  expect(lastDays(3, NEW_YEAR, "UTC")).toEqual(["2026-12-30", "2026-12-31", "2027-01-01"]);
  expect(lastDays(3, new Date("2026-03-30T12:00:00Z"), "Europe/Berlin")).toEqual([
    "2026-03-28",
    "2026-03-29",
    "2026-03-30",
  ]);
});

test("a day without use has no point", () => {
  const point = { period: "2026-12-31", charge: 5 };
  expect(byDay(["2026-12-30", "2026-12-31"], [point])).toEqual([
    ["2026-12-30", null],
    ["2026-12-31", point],
  ]);
});

test("the beginning of a range stays the same for an hour", () => {
  expect(since(7, NEW_YEAR)).toBe("2026-12-25T03:00:00.000Z");
  expect(since(7, new Date("2027-01-01T03:59:59Z"))).toBe("2026-12-25T03:00:00.000Z");
});
