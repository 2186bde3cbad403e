import { afterEach, expect, test } from "vitest";
import { turnsPages } from "./keys";

/** Press a key on an element and ask whether it turns the pages of `#pager`. */
function turns(target: string, key: string, init: KeyboardEventInit = {}): boolean {
  let turned = false;
  const listen = (event: KeyboardEvent) => {
    turned = turnsPages(event, document.querySelector("#pager"));
  };
  document.addEventListener("keydown", listen);
  document.querySelector(target)?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, ...init }));
  document.removeEventListener("keydown", listen);
  return turned;
}

const ONE = `<h1>Ledger</h1><input /><div data-table="a"><p id="row"></p>
  <div id="pager"><button aria-keyshortcuts="ArrowRight"></button></div></div>`;

afterEach(() => {
  document.body.innerHTML = "";
});

test("left and right turn the pages wherever the focus is", () => {
  document.body.innerHTML = ONE;
  expect([turns("h1", "ArrowRight"), turns("#row", "ArrowLeft"), turns("h1", "ArrowUp")]).toEqual([true, true, false]);
});

test("in a field they move its cursor, and with Alt the browser goes back", () => {
  document.body.innerHTML = ONE;
  expect([turns("input", "ArrowRight"), turns("h1", "ArrowLeft", { altKey: true })]).toEqual([false, false]);
});

test("with the focus in another table that one is meant", () => {
  document.body.innerHTML = `${ONE}<div data-table="b"><p id="other"></p></div>`;
  expect(turns("#other", "ArrowRight")).toBe(false);
});

test("an open dialog keeps its keys", () => {
  document.body.innerHTML = `${ONE}<div role="dialog" aria-modal="true"></div>`;
  expect(turns("h1", "ArrowRight")).toBe(false);
});
