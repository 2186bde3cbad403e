import { expect, test } from "vitest";
import { ariaSort, nextSort } from "./columns";

test("a header sorts falling first, then rising, and falling again", () => {
  expect(nextSort("-at", "amount")).toBe("-amount");
  expect(nextSort("-amount", "amount")).toBe("amount");
  expect(nextSort("amount", "amount")).toBe("-amount");
});

test("a header says how the list is sorted by it", () => {
  expect(["amount", "-amount", "-at"].map((now) => ariaSort(now, "amount"))).toEqual([
    "ascending",
    "descending",
    "none",
  ]);
});
