import { expect, test } from "vitest";
import { attemptsOf, holdOf, type Trace } from "./trace";

const over: Trace = {
  request_id: "r",
  account_id: "a",
  event: null,
  reserved_at: "2026-11-21T15:44:57.000000Z",
  reserved: 300,
  split: [{ pack_id: "p", amount: 300 }],
  rates: null,
  rate_version: null,
  debt_amount: 0,
  refunded: 0,
  idempotency_key: null,
  version: 3,
  entries: [],
  packs: [],
  hold: null,
};

test("the hold of a request that is over is what the ledger kept", () => {
  expect(holdOf(over)).toEqual({ amount: 300, resource: "tokens", split: [{ pack_id: "p", amount: 300 }] });
});

test("the hold of a running request is the one that stands now, which may have grown", () => {
  const hold = {
    state: "open" as const,
    amount: 900,
    resource: "credits",
    split: [],
    instance_id: "i",
    model: "m",
    over: 0,
    progress: 12,
    reserved_at_ms: 0,
    user_id: null,
  };
  expect(holdOf({ ...over, hold })?.amount).toBe(900);
});

test("a request from before holds were kept shows none", () => {
  expect(holdOf({ ...over, reserved: null, split: null })).toBeNull();
});

test("an attempt shows what it says and nothing else", () => {
  expect(attemptsOf({ attempts: [{ model: "gpt", error: 5 }] as never })).toEqual([
    { model: "gpt", provider: "", error: "" },
  ]);
});
