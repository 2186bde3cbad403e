import { expect, test } from "vitest";
import { differences } from "./differences";

test("only what differs is shown; what was made or is gone has nothing on its other side", () => {
  expect(
    differences({ name: "a", role: "member", models: ["x"] }, { name: "b", role: "member", models: null }),
  ).toEqual([
    { field: "name", before: "a", after: "b" },
    { field: "models", before: '["x"]', after: "–" },
  ]);
  expect(differences(null, { size: 5, note: "" })).toEqual([{ field: "size", before: "–", after: "5" }]);
  expect(differences(null, null)).toEqual([]);
});
