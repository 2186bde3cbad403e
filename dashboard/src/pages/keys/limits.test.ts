import { describe, expect, test } from "vitest";
import { dollarsOf, limitsOf, microOf, textsOf, wholeOf, type LimitTexts } from "./limits";

const nothing: LimitTexts = textsOf(null, "tokens");

describe("the form of limits", () => {
  test("leaves out what is empty", () => {
    expect(limitsOf({ ...nothing, requests_per_minute: "60", spend_per_day: " " }, "tokens")).toEqual({
      limits: { requests_per_minute: 60 },
      wrong: [],
    });
  });

  test("names the fields that are no positive integers", () => {
    const texts = { ...nothing, requests_per_minute: "0", tokens_per_minute: "1.5", concurrent_requests: "-3" };
    expect(limitsOf(texts, "tokens").wrong).toEqual([
      "requests_per_minute",
      "tokens_per_minute",
      "concurrent_requests",
    ]);
  });

  test("takes what may be spent in dollars where the account pays in credits, and nothing else", () => {
    const texts = { ...nothing, tokens_per_minute: "9", spend_per_month: "12.5" };
    expect(limitsOf(texts, "credits").limits).toEqual({ tokens_per_minute: 9, spend_per_month: 12_500_000 });
    expect(limitsOf(texts, "tokens").wrong).toEqual(["spend_per_month"]);
  });

  test("shows the limits that it was given", () => {
    for (const unit of ["tokens", "credits"]) {
      const limits = { concurrent_requests: 3, spend_per_day: 1_230_000, spend_per_month: 1 };
      expect(limitsOf(textsOf(limits, unit), unit)).toEqual({ limits, wrong: [] });
    }
  });
});

test.each([
  ["1", 1_000_000],
  ["0.1", 100_000],
  ["0.000001", 1],
  [".5", 500_000],
  ["1234.567891", 1_234_567_891],
  ["0", null],
  ["0.0000001", null],
  ["1e3", null],
  ["", null],
  [".", null],
])("$%s is %s micro-dollars", (dollars, micro) => {
  expect(microOf(dollars)).toBe(micro);
});

test.each([
  [1, "0.000001"],
  [100_000, "0.10"],
  [12_500_000, "12.50"],
  [3_000_000, "3"],
])("%i micro-dollars are $%s", (micro, dollars) => {
  expect(dollarsOf(micro)).toBe(dollars);
});

test("a limit is at most what the ledger can count", () => {
  expect(wholeOf(String(2 ** 52))).toBe(2 ** 52);
  expect(wholeOf(String(2 ** 52 + 1))).toBeNull();
});
