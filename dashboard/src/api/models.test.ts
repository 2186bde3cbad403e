import { expect, test } from "vitest";
import { modelsOf } from "./models";

type Pricing = Parameters<typeof modelsOf>[0];

const priced = (...rates: string[]) =>
  ({
    rates: rates.map((model) => ({ model })),
    prices: ["small", "unused"].map((model) => ({ model })),
  }) as Pricing;

test("a price alone makes no model that could be asked", () => {
  expect(modelsOf(priced("small", "large"))).toEqual(["large", "small"]);
});

test("a pattern leads to all models that have a price", () => {
  expect(modelsOf(priced("large", "*"))).toEqual(["large", "small", "unused"]);
});
