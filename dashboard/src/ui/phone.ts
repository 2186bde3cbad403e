/** Where lists are cards, and filters stay folded: below 640 px. */
export const PHONE = "(max-width: 39.99em)";
