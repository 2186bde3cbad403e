import { expect, test } from "vitest";
import { changed } from "./useFilters";

const after = (search: string, changes: Record<string, string | string[] | null>) =>
  changed(new URLSearchParams(search), changes).toString();

test("a filter is set, replaced and taken away, and the others stay", () => {
  expect(after("sort=at", { type: "Refund" })).toBe("sort=at&type=Refund");
  expect(after("sort=at&type=Refund", { type: "Usage" })).toBe("sort=at&type=Usage");
  expect(after("sort=at&type=Refund", { type: null })).toBe("sort=at");
});

test("a filter may have several values; empty ones are none", () => {
  expect(after("", { user_id: ["ada", "", "grace"] })).toBe("user_id=ada&user_id=grace");
});
