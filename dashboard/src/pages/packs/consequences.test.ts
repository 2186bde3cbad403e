import { expect, test } from "vitest";
import { ofGrant, ofRevoke } from "./consequences";

const normal = { balance: 1_000, debt: 0, min_reserve: 100, state: "normal", unlimited: false } as const;
const stopped = { ...normal, balance: -50, debt: 50, state: "stopped" } as const;

test("a grant raises the balance by its size", () => {
  expect(ofGrant(normal, 500)).toEqual({ before: 1_000, after: 1_500, repaid: 0, turn: null });
});

test("a grant repays debt first, and resumes what stopped when it is enough", () => {
  expect(ofGrant(stopped, 500)).toEqual({ before: -50, after: 450, repaid: 50, turn: "resumes" });
  expect(ofGrant(stopped, 20)).toEqual({ before: -50, after: -30, repaid: 20, turn: null });
});

test("a revoke takes what remains, and may stop the account", () => {
  expect(ofRevoke(normal, { remaining: 300 })).toEqual({ before: 1_000, after: 700, repaid: 0, turn: null });
  expect(ofRevoke(normal, { remaining: 901 })).toEqual({ before: 1_000, after: 99, repaid: 0, turn: "stops" });
});

test("with an unlimited pack nothing stops, and the loss of one can't be counted", () => {
  expect(ofRevoke({ ...normal, unlimited: true }, { remaining: 1_000 })?.turn).toBeNull();
  expect(ofRevoke(normal, { remaining: null })).toBeNull();
});
