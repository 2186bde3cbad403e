import { describe, expect, test } from "vitest";
import { exactUtc, formatDuration, formatPeriodDay, formatTime } from "./times";

// The tests' own zone is UTC (vite.config.ts).
test("a moment is written in the viewer's zone and language", () => {
  expect(formatTime("2026-01-03T07:58:12.123456Z", "en")).toBe("Jan 3, 2026, 07:58:12");
  expect(formatTime("2026-01-03T07:58:12.123456Z", "de")).toBe("3. Jan. 2026, 07:58:12");
});

test("the exact moment keeps its microseconds", () => {
  expect(exactUtc("2026-01-03T07:58:12.123456Z")).toBe("2026-01-03 07:58:12.123456 UTC");
});

test("a day of an account's calendar is that day for every reader", () => {
  expect(formatPeriodDay("2026-11-21", "en")).toBe("Nov 21");
});

describe("a duration has its two largest units", () => {
  test.each([
    [0, "0 seconds"],
    [59.9, "59 seconds"],
    [3_660, "1 hour, 1 minute"],
    [86_400 * 3 + 3_600 * 4 + 59, "3 days, 4 hours"],
    [86_400 * 3 + 59, "3 days"],
  ])("%d s", (seconds, said) => {
    expect(formatDuration(seconds, "en")).toBe(said);
  });
});

test("a moment in Chinese fits into a card of a phone", () => {
  expect(formatTime("2026-11-21T19:04:41Z", "zh")).toBe("2026/11/21 19:04:41");
});
