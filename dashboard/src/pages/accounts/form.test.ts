import { expect, test } from "vitest";
import { amountOf, formOf, NEW_ACCOUNT, newAccountOf, patchOf, wrongOf, type Account } from "./form";

const account: Account = {
  id: "a",
  name: "Acme",
  email: null,
  plan: "pro",
  domain: null,
  unit: "credits",
  time_zone: "Europe/Berlin",
  min_reserve: 0,
  warning_threshold: 1_500_000,
  floor: "keep",
  clamp: null,
  orphan: null,
  status: "active",
  replay: false,
  created_at: "2026-11-01T08:00:00.000000Z",
};

test("a form that nobody touched changes nothing", () => {
  expect(patchOf(account, formOf(account))).toEqual({});
});

test("a change says only what differs; null leaves the decision to the configuration", () => {
  const form = {
    ...formOf(account),
    minReserve: "",
    warningThreshold: "2.25",
    floor: "" as const,
    email: "a@b.example",
  };
  expect(patchOf(account, form)).toEqual({
    min_reserve: null,
    warning_threshold: 2_250_000,
    floor: null,
    email: "a@b.example",
  });
});

test("a new account has its unit, and amounts in it", () => {
  const form = { ...NEW_ACCOUNT, name: " Acme ", minReserve: "500" };
  expect(newAccountOf(form)).toMatchObject({ name: "Acme", unit: "tokens", min_reserve: 500, warning_threshold: null });
});

test("zero is an amount, nothing is none, and what is neither is named", () => {
  expect([amountOf("0", "tokens"), amountOf("0.00", "credits"), amountOf("", "tokens")]).toEqual([0, 0, null]);
  expect(wrongOf({ ...NEW_ACCOUNT, minReserve: "1.5", warningThreshold: "10" })).toEqual(["minReserve"]);
});
