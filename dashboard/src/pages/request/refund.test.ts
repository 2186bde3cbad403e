import { expect, test } from "vitest";
import type { Entry, Pack } from "../../api/types";
import { amountOf, leftOf, refundOf } from "./refund";

type Moved = Pick<Entry, "kind" | "amount" | "from" | "to" | "pack_id">;

const usage = (pack: string, amount: number): Moved => ({
  kind: "usage",
  amount,
  from: `pack:${pack}`,
  to: "usage",
  pack_id: pack,
});
const refund = (pack: string, amount: number, to = `pack:${pack}`): Moved => ({
  kind: "refund",
  amount,
  from: "usage",
  to,
  pack_id: pack,
});
const overdraft = (amount: number): Moved => ({ kind: "overdraft", amount, from: "debt", to: "usage", pack_id: null });
const repay = (pack: string, amount: number): Moved => ({
  kind: "repay",
  amount,
  from: `pack:${pack}`,
  to: "debt",
  pack_id: pack,
});
const pack = (id: string, changes: Partial<Pack> = {}) => ({ id, status: "active", unlimited: false, ...changes });

function given(amount: number, moved: Moved[], packs: object[]) {
  const entries = moved.map((entry, place) => ({ ...entry, version: 1 + place, seq: 1 }));
  return refundOf({ entries: entries as Entry[], packs: packs as Pack[] }, amount);
}

test("what is left is the charge less what was given back; a request that runs has nothing to give back", () => {
  const event = { charge: 40 } as never;
  expect(leftOf({ event, refunded: 10 })).toBe(30);
  expect(leftOf({ event, refunded: null })).toBe(40);
  expect(leftOf({ event: null, refunded: null })).toBe(0);
});

test("an empty field is all that is left; more than that, nothing, or parts of a token are refused", () => {
  expect(amountOf("", "tokens", 30)).toBe(30);
  expect(amountOf(30, "tokens", 30)).toBe(30);
  for (const wrong of [31, 0, -1, 1.5, "x"]) expect(amountOf(wrong, "tokens", 30)).toBeNull();
});

test("credits are written in dollars", () => {
  expect(amountOf(0.07, "credits", 100_000)).toBe(70_000);
  expect(amountOf(1, "credits", 100_000)).toBeNull();
});

test("it goes back to the packs that it came from, the one drawn last first", () => {
  const packs = [pack("a"), pack("b", { status: "revoked" })];
  const moved = [usage("a", 30), usage("b", 10)];
  expect(given(10, moved, packs)).toEqual({ debt: 0, packs: 0, gone: 10 });
  expect(given(40, moved, packs)).toEqual({ debt: 0, packs: 30, gone: 10 });
});

test("what the request still owes goes first; what a pack has repaid of it goes back to that pack", () => {
  const moved = [usage("a", 5), overdraft(20), repay("b", 8)];
  expect(given(33, moved, [pack("a"), pack("b")])).toEqual({ debt: 12, packs: 13, gone: 0 });
});

test("what went back before is not given twice", () => {
  const packs = [pack("a"), pack("b")];
  expect(given(30, [usage("a", 30), usage("b", 10), refund("b", 10)], packs)).toEqual({ debt: 0, packs: 30, gone: 0 });
  const dead = [usage("a", 30), usage("b", 10), refund("b", 10, "expired")];
  expect(given(30, dead, [pack("a"), pack("b", { status: "expired" })])).toEqual({ debt: 0, packs: 30, gone: 0 });
});

test("an unlimited pack is not summed, so the balance does not rise by what it paid", () => {
  const issued: Moved = { kind: "auto_grant", amount: 9, from: "issued", to: "pack:a", pack_id: "a" };
  expect(given(9, [issued, usage("a", 9)], [pack("a", { unlimited: true })])).toEqual({ debt: 0, packs: 0, gone: 9 });
});
