import { useState } from "react";

export interface Pages {
  /** The cursor to ask with; undefined for the first page. */
  cursor: string | undefined;
  /** Counted from 1. */
  page: number;
  hasPrevious: boolean;
  previous: () => void;
  next: (cursor: string) => void;
}

interface Trail {
  of: string;
  cursors: string[];
}

/**
 * The pages of a keyset list: a cursor only leads on, so the way back is remembered. `of` names the list with its
 * filters and order; another list begins at its first page.
 */
export function usePages(of: string): Pages {
  const [trail, setTrail] = useState<Trail>({ of, cursors: [] });
  const cursors = trail.of === of ? trail.cursors : [];
  return {
    cursor: cursors.at(-1),
    page: cursors.length + 1,
    hasPrevious: cursors.length > 0,
    previous: () => setTrail({ of, cursors: cursors.slice(0, -1) }),
    next: (cursor) => setTrail({ of, cursors: [...cursors, cursor] }),
  };
}
