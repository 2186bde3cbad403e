import type { ReactNode } from "react";

export interface Column<Row> {
  id: string;
  /** Its name above the table, in the reader's language. */
  header: string;
  cell: (row: Row) => ReactNode;
  /** The field that the API sorts by; without one the column does not sort. */
  sort?: string;
  /** Numbers stand right. */
  align?: "right";
  /** On a phone: the headline of the card, its lines, or only what an opened card shows (the default). */
  card?: "title" | "line" | "more";
}

/** The order of a list, as the API writes it: "-at". */
export interface Sorting {
  sort: string;
  onSort: (sort: string) => void;
}

/** The order after pressing a header: falling first, since the largest and newest are looked for; then rising. */
export function nextSort(now: string, field: string): string {
  return now === `-${field}` ? field : `-${field}`;
}

export function ariaSort(now: string, field: string): "ascending" | "descending" | "none" {
  if (now === field) return "ascending";
  return now === `-${field}` ? "descending" : "none";
}
