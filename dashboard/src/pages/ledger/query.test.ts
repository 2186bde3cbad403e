import { expect, test } from "vitest";
import { queryOf, sizeOf } from "./query";

function address(search: string) {
  const params = new URLSearchParams(search);
  return { one: (name: string) => params.get(name), all: (name: string) => params.getAll(name) };
}

const given = (search: string) => JSON.parse(JSON.stringify(queryOf(address(search)))) as unknown;

test("without filters it is the newest first", () => {
  expect(given("")).toEqual({ sort: "-at" });
});

test("filters of the address are asked of the API", () => {
  expect(given("type=Refund&user_id=ada&user_id=grace&min_amount=5&sort=amount")).toEqual({
    type: "Refund",
    user_id: ["ada", "grace"],
    min_amount: 5,
    sort: "amount",
  });
});

test("what the page does not offer is left out, rather than asked and refused", () => {
  expect(given("type=Gift&min_amount=lots&sort=secret")).toEqual({ sort: "-at" });
  expect(sizeOf(address("rows=5000"))).toBe(25);
  expect(sizeOf(address("rows=300"))).toBe(300);
});
