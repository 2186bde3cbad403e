import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import { useList } from "../../api/useRead";
import type { UsageFilters } from "./useUsageFilters";

/** What each member used in the whole range, the largest first; those that are chosen, or all. */
export function useMemberTotals({ chosen, moments, resource }: UsageFilters) {
  const { from, to } = moments;
  const query = { interval: "all", group_by: ["member" as const], sort: "-charge", limit: 1000 } as const;
  return useList(
    reads.usage(useScope(), { ...query, group_by: ["member"], from, to, resource, user_id: chosen.users }),
  );
}
