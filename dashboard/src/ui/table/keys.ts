const OWN_ARROWS =
  "input, textarea, select, [contenteditable='true'], [role='tablist'], [role='slider'], [role='dialog']";

/** Whether a key turns the pages of the table that `pager` belongs to. */
export function turnsPages(event: KeyboardEvent, pager: Element | null): boolean {
  if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return false;
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return false;
  const target = event.target instanceof Element ? event.target : null;
  // Arrows move the cursor of a field, and belong to a dialog that is open.
  if (target?.closest(OWN_ARROWS) || document.querySelector("[role='dialog'][aria-modal='true']")) return false;
  const table = pager?.closest("[data-table]") ?? null;
  const focused = target?.closest("[data-table]") ?? null;
  if (focused !== null) return focused === table;
  // With the focus elsewhere, the first table of the page that has pages is meant.
  return table !== null && table === document.querySelector("[data-table]:has([aria-keyshortcuts])");
}
