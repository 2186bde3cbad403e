import { expect, test } from "vitest";
import { changesOf, NEW_PRICE, newPriceOf } from "./form";

test("dollars become micro-dollars; what is free is zero, what is empty has no price of its own", () => {
  const form = {
    ...NEW_PRICE,
    model: " gpt-4o ",
    texts: { ...NEW_PRICE.texts, input: "2.50", completion: "10", cached_input: "0" },
    above: "200000",
  };
  expect(newPriceOf(form)).toEqual({
    price: {
      model: "gpt-4o",
      input: 2_500_000,
      completion: 10_000_000,
      cached_input: 0,
      above_prompt_tokens: 200_000,
    },
    wrong: [],
  });
});

test("a price that can't be read is named", () => {
  expect(newPriceOf({ ...NEW_PRICE, texts: { ...NEW_PRICE.texts, input: "2,50" } }).wrong).toEqual(["input"]);
});

test("an import shows what differs alone", () => {
  const before = { model: "m", input: 5, completion: 7, audio: null };
  expect(changesOf(before, { model: "m", input: 4, completion: 7, reasoning: 9 })).toEqual([
    { name: "input", before: 5, after: 4 },
    { name: "reasoning", before: undefined, after: 9 },
  ]);
  expect(changesOf(null, { model: "m", input: 1 })).toEqual([{ name: "input", before: undefined, after: 1 }]);
});
