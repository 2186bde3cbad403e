import { expect, test } from "vitest";
import { chosenOf, eventsQuery } from "./filters";

const asked = (search: string) => {
  const params = new URLSearchParams(search);
  return chosenOf({ one: (name) => params.get(name), all: (name) => params.getAll(name) });
};
const WEEK = { from: "2026-11-15T00:00:00.000Z", to: undefined };

test("without filters every event of the range is asked for, newest first, split into input and output", () => {
  expect(eventsQuery(asked(""), WEEK, "tokens")).toEqual({ rows: "io", sort: "-at", from: WEEK.from });
});

test("each filter of the address is asked for", () => {
  const search =
    "resource=images&user_id=ada&user_id=ben&pool=hybrid&io_type=output&min_amount=5&max_amount=9&sort=pool";
  expect(eventsQuery(asked(search), WEEK, "tokens")).toEqual({
    rows: "io",
    sort: "pool",
    from: WEEK.from,
    resource: "images",
    user_id: ["ada", "ben"],
    pool: "hybrid",
    io_type: "output",
    min_amount: 5,
    max_amount: 9,
  });
});

test("an amount without a resource is one of the account's unit", () => {
  expect(eventsQuery(asked("min_amount=1000"), WEEK, "tokens").resource).toBe("tokens");
});

test("what the address has wrong is not asked for", () => {
  const wrong = asked("pool=other&io_type=both&min_amount=-1&max_amount=1e9&sort=-colour&by=key");
  expect(eventsQuery(wrong, WEEK, "tokens")).toEqual({ rows: "io", sort: "-at", from: WEEK.from });
  expect(wrong.view).toBe("pool");
});
