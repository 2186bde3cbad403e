import { expect, test } from "vitest";
import { freshnessOf } from "./useFreshness";

const NOW = 1_000_000;
const read = (secondsAgo: number, failed = false) => ({ updatedAt: NOW - secondsAgo * 1_000, failed });

test("a page is as old as its oldest part", () => {
  expect(freshnessOf([read(1), read(9)], NOW, 30)).toEqual({ live: true, updatedAt: NOW - 9_000 });
});

test("a failed refresh, or a minute without one, makes it cached", () => {
  expect(freshnessOf([read(1, true)], NOW, 30).live).toBe(false);
  expect(freshnessOf([read(61)], NOW, 0).live).toBe(false);
});

test("with a refresh every ten minutes it stays live in between", () => {
  expect(freshnessOf([read(599)], NOW, 600).live).toBe(true);
});

test("before anything was read there is no time to show", () => {
  expect(freshnessOf([{ updatedAt: 0, failed: false }], NOW, 30)).toEqual({ live: false, updatedAt: null });
});
