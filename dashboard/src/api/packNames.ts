import { useMemo } from "react";
import { reads } from "./reads";
import { useScope } from "./scope";
import type { Pack } from "./types";
import { useRead } from "./useRead";

const KNOWN = 1_000; // The most that one page of the API has.

/** The account's packs by id: an entry names its pack by its id only, and its resource not at all. */
export function usePacksById(): Map<string, Pack> {
  const packs = useRead(reads.packs(useScope(), { limit: KNOWN }));
  return useMemo(() => new Map((packs.data?.data ?? []).map((pack) => [pack.id, pack])), [packs.data]);
}

/** How a pack is called: by its note, else by the end of its id. */
export function packName(id: string, pack: Pack | undefined): string {
  return pack === undefined || pack.note === "" ? `…${id.slice(-8)}` : pack.note;
}
