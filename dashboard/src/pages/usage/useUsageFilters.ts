import { useMemo } from "react";
import { useAccount } from "../../api/scope";
import { useFilters, type Filters } from "../../ui/useFilters";
import { chosenOf, FILTERS, type Chosen } from "./filters";
import { momentsOf, rangeOf, type Moments, type Range } from "./range";

export interface UsageFilters {
  filters: Filters;
  chosen: Chosen;
  range: Range;
  moments: Moments;
  /** What the charts show: the chosen resource, or the account's unit. A chart has one. */
  resource: string;
}

/** What is chosen, from the address; the same for every part of the page. */
export function useUsageFilters(): UsageFilters {
  const filters = useFilters(FILTERS);
  const { unit, time_zone: zone } = useAccount();
  return useMemo(() => {
    const now = new Date();
    const chosen = chosenOf(filters);
    const range = rangeOf(filters, now, zone);
    return { filters, chosen, range, moments: momentsOf(range, now, zone), resource: chosen.resource ?? unit };
  }, [filters, unit, zone]);
}
