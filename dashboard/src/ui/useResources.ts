import { reads } from "../api/reads";
import { useAccount, useScope } from "../api/scope";
import { useRead } from "../api/useRead";

/** What the account has used so far, its unit first; and what is chosen now. */
export function useResources(chosen: string | null): string[] {
  const { unit } = useAccount();
  const overview = useRead(reads.overview(useScope()));
  const used = Object.keys(overview.data?.used ?? {}).sort();
  return [...new Set([unit, ...used, ...(chosen === null ? [] : [chosen])])];
}
