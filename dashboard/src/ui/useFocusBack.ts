import { useEffect, useState } from "react";

/**
 * When a dialog goes, the focus goes back to what opened it. Mantine does so for dialogs that are always there; one
 * that is put on the page already open, or by an item of a menu that is gone by then, would leave it nowhere.
 */
export function useFocusBack(opened = true): void {
  // Looked for while the page is still as it was: the menu is gone as soon as the dialog is there.
  const [opener] = useState(() => (opened ? openerOf(document.activeElement) : null));
  useEffect(
    () => () => {
      // After whatever the dialog itself does when it goes. One that came in its place keeps the focus.
      setTimeout(() => {
        if (document.querySelector("[aria-modal=true]") === null) opener?.focus();
      });
    },
    [opener],
  );
}

/** An item of a menu stands for the button that opened the menu. */
function openerOf(active: Element | null): HTMLElement | null {
  const fromMenu = active !== null && active.closest("[role=menu]") !== null;
  const found = fromMenu ? document.querySelector("[aria-haspopup=menu][aria-expanded=true]") : active;
  return found instanceof HTMLElement ? found : null;
}
