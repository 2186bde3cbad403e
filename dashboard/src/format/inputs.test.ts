import { expect, test } from "vitest";
import { fromLocalInput, toLocalInput, inputUnit } from "./inputs";

test("a moment goes into a field and comes back, to the minute", () => {
  expect(toLocalInput("2026-12-31T23:59:58.123456Z")).toBe("2026-12-31T23:59");
  expect(fromLocalInput("2026-12-31T23:59")).toBe("2026-12-31T23:59:00.000Z");
});

test("an empty field is no moment", () => {
  expect(toLocalInput(null)).toBe("");
  expect(fromLocalInput("")).toBeNull();
  expect(fromLocalInput("soon")).toBeNull();
});

test("amounts are written as people count them", () => {
  expect(inputUnit("credits")).toEqual({ factor: 1_000_000, prefix: "$" });
  expect(inputUnit("storage_bytes").factor).toBe(1_000_000);
  expect(inputUnit("tokens").factor).toBe(1);
});
