import { expect, test } from "vitest";
import { isSameList } from "./useRead";

const admin = (accountId: string) => ({ kind: "admin", accountId });

test("rows stay while another page of the same list loads", () => {
  expect(isSameList(["ledger", admin("a"), {}], ["ledger", admin("a"), { cursor: "x" }])).toBe(true);
});

test("the rows of another account never stay", () => {
  expect(isSameList(["ledger", admin("a"), {}], ["ledger", admin("b"), {}])).toBe(false);
  expect(isSameList(["ledger", { kind: "account" }, {}], ["ledger", admin("a"), {}])).toBe(false);
});
