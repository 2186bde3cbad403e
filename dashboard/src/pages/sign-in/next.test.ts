import { expect, test } from "vitest";
import { safeNext } from "./next";

test("after signing in people stay on this site", () => {
  expect(safeNext("/ledger?sort=at")).toBe("/ledger?sort=at");
  for (const elsewhere of [null, "", "//evil.example", "/\\evil.example", "https://evil.example", "ledger"]) {
    expect(safeNext(elsewhere)).toBeNull();
  }
});
