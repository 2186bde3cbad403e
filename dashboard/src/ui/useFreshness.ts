import { useQueryClient, type Query } from "@tanstack/react-query";
import { useCallback, useRef, useSyncExternalStore } from "react";
import { useRefresh } from "../app/refresh";

interface Freshness {
  live: boolean;
  /** When the oldest part of the page was read, in milliseconds; null before anything was. */
  updatedAt: number | null;
}

const CACHED_AFTER_MS = 60_000; // With refreshing turned off, a minute-old page is not called live.

/** How fresh a page is whose parts were read at these times. It is as old as its oldest part. */
export function freshnessOf(
  parts: { updatedAt: number; failed: boolean }[],
  now: number,
  refreshSeconds: number,
): Freshness {
  const read = parts.filter((part) => part.updatedAt > 0);
  if (read.length === 0) return { live: false, updatedAt: null };
  const updatedAt = Math.min(...read.map((part) => part.updatedAt));
  const allowed = Math.max(CACHED_AFTER_MS, refreshSeconds * 1_500);
  return { live: !parts.some((part) => part.failed) && now - updatedAt <= allowed, updatedAt };
}

/** The freshness of what is on the page. */
export function useFreshness(): Freshness {
  const cache = useQueryClient().getQueryCache();
  const { seconds } = useRefresh();
  const last = useRef<Freshness>({ live: false, updatedAt: null });
  const subscribe = useCallback(
    (changed: () => void) => {
      const stop = cache.subscribe(changed);
      const clock = setInterval(changed, 5_000);
      return () => {
        stop();
        clearInterval(clock);
      };
    },
    [cache],
  );
  return useSyncExternalStore(subscribe, () => {
    const parts = cache.findAll({ type: "active" }).filter(isShown).map(partOf);
    const next = freshnessOf(parts, Date.now(), seconds);
    // The same object for the same answer: React asks again until it stops changing.
    if (next.live !== last.current.live || next.updatedAt !== last.current.updatedAt) last.current = next;
    return last.current;
  });
}

function isShown(query: Query): boolean {
  return query.queryKey[0] !== "session" && !query.isDisabled();
}

function partOf(query: Query): { updatedAt: number; failed: boolean } {
  return { updatedAt: query.state.dataUpdatedAt, failed: query.state.status === "error" };
}
