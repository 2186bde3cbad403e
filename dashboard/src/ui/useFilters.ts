import { useCallback, useEffect, useMemo, useRef } from "react";
import { useSearchParams } from "react-router";

export interface Filters {
  /** The value of a filter, or null where it is not set. */
  one: (name: string) => string | null;
  /** All values of a filter that may be given more than once. */
  all: (name: string) => string[];
  /** Set some filters; null or an empty list takes one away. */
  set: (changes: Record<string, string | string[] | null>) => void;
  clear: () => void;
  /** Whether any is set. */
  any: boolean;
  /** How many are set; one that has several values is one. */
  count: number;
}

/** The filters of a list, kept in the address, so that a link shows the same and "back" undoes. */
export function useFilters(names: readonly string[]): Filters {
  const [params, setParams] = useSearchParams();
  // The address follows a moment later: a change that comes meanwhile builds on the one before it.
  const latest = useRef(params);
  useEffect(() => {
    latest.current = params;
  }, [params]);
  const set = useCallback(
    (changes: Record<string, string | string[] | null>) => {
      latest.current = changed(latest.current, changes);
      setParams(latest.current, { replace: true, preventScrollReset: true });
    },
    [setParams],
  );
  return useMemo(
    () => ({
      one: (name) => params.get(name),
      all: (name) => params.getAll(name),
      set,
      clear: () => set(Object.fromEntries(names.map((name) => [name, null]))),
      any: countOf(params, names) > 0,
      count: countOf(params, names),
    }),
    [params, set, names],
  );
}

export function countOf(params: URLSearchParams, names: readonly string[]): number {
  return names.filter((name) => params.has(name)).length;
}

export function changed(before: URLSearchParams, changes: Record<string, string | string[] | null>): URLSearchParams {
  const after = new URLSearchParams(before);
  for (const [name, value] of Object.entries(changes)) {
    after.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== "") after.append(name, one);
    }
  }
  return after;
}
