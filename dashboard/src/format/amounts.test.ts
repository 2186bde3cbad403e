import { describe, expect, test } from "vitest";
import {
  formatAmount,
  formatBytes,
  formatCompact,
  formatList,
  formatMicroDollars,
  formatPercent,
  percentOf,
} from "./amounts";

describe("amounts are written by their resource", () => {
  test.each([
    [1234567, "tokens", "en", "1,234,567"],
    [1234567, "tokens", "de", "1.234.567"],
    [12345, "credits", "en", "$0.012345"],
    [5_000_000, "credits", "en", "$5.00"],
    [-1_000_000, "credits", "en", "-$1.00"],
    [1_500_000, "storage_bytes", "en", "1.5 MB"],
    [42, "ocr_pages", "en", "42"],
  ])("%d %s in %s is %s", (amount, resource, language, written) => {
    expect(formatAmount(amount, resource, language)).toBe(written);
  });
});

test("bytes take the largest unit that leaves a whole digit", () => {
  expect(formatBytes(0, "en")).toBe("0 bytes");
  expect(formatBytes(999, "en")).toBe("999 bytes");
  expect(formatBytes(1000, "en")).toBe("1 kB");
  expect(formatBytes(2_340_000_000, "en")).toBe("2.34 GB");
});

test("a micro-dollar is not rounded away", () => {
  expect(formatMicroDollars(1, "en")).toBe("$0.000001");
  expect(formatMicroDollars(0.5, "en", 12)).toBe("$0.0000005");
});

test("axes are short", () => {
  expect(formatCompact(12_345, "tokens", "en")).toBe("12.3K");
  expect(formatCompact(12_345_000, "credits", "en")).toBe("$12.3");
});

test("a share stays between nothing and all", () => {
  expect([percentOf(1, 4), percentOf(5, 4), percentOf(-1, 4), percentOf(1, 0)]).toEqual([25, 100, 0, 0]);
});

test("a share and a row of names are written as the language does", () => {
  expect(["en", "de", "zh"].map((language) => formatPercent(12.4, language))).toEqual(["12%", "12\u00a0%", "12%"]);
  expect(formatList(["a", "b", "c"], "en")).toBe("a, b, c");
  expect(formatList(["a", "b", "c"], "de")).toBe("a, b und c");
  expect(formatList(["a", "b", "c"], "zh")).toBe("a、b、c");
});
