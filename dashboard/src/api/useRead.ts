import { hashKey, keepPreviousData, useQuery, type UseQueryOptions, type UseQueryResult } from "@tanstack/react-query";
import { useRefresh } from "../app/refresh";

/** One read, made again as often as the reader chose. */
export function useRead<Data, Key extends readonly unknown[]>(
  options: UseQueryOptions<Data, Error, Data, Key>,
): UseQueryResult<Data> {
  const { seconds } = useRefresh();
  return useQuery({ refetchInterval: seconds === 0 ? false : seconds * 1000, ...options });
}

/**
 * A read of a list: while another page, order or filter of it loads, the rows before stay (`isPlaceholderData`), so
 * that nothing jumps. Those of another account never do.
 */
export function useList<Data, Key extends readonly unknown[]>(
  options: UseQueryOptions<Data, Error, Data, Key>,
): UseQueryResult<Data> {
  return useRead({
    ...options,
    placeholderData: (previous, query) =>
      query !== undefined && isSameList(query.queryKey, options.queryKey) ? keepPreviousData(previous) : undefined,
  });
}

/** Whether two keys, `[name, scope, filters]`, are of one list. */
export function isSameList(one: readonly unknown[], other: readonly unknown[]): boolean {
  return hashKey(one.slice(0, 2)) === hashKey(other.slice(0, 2));
}
