import { afterEach, expect, test, vi } from "vitest";
import { startsOpen } from "./FilterBar";

afterEach(() => vi.restoreAllMocks());

function onScreen({ phone }: { phone: boolean }) {
  const answer = Object.assign(window.matchMedia("all"), { matches: phone });
  vi.spyOn(window, "matchMedia").mockReturnValue(answer);
}

test("filters that are set are shown, but on a phone they do not hide the list", () => {
  onScreen({ phone: false });
  expect([startsOpen({ any: true }), startsOpen({ any: false })]).toEqual([true, false]);
  onScreen({ phone: true });
  expect(startsOpen({ any: true })).toBe(false);
});
