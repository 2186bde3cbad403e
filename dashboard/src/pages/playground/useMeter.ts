import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useEffect } from "react";
import { reads } from "../../api/reads";
import { useScope } from "../../api/scope";
import type { Balance, Schema } from "../../api/types";
import { useRefresh } from "../../app/refresh";
import { isRunning, type Progress } from "./progress";

const LIVE_MS = 1_000;

/** The balance and the request as the meter has them, once a second until the charge is in the ledger. */
export function useMeter(progress: Progress): {
  balance: UseQueryResult<Balance>;
  trace: Schema<"RequestTrace"> | undefined;
} {
  const scope = useScope();
  const { seconds } = useRefresh();
  const { requestId } = progress;
  const trace = useQuery({
    ...reads.request(scope, requestId ?? ""),
    // A request that was refused holds nothing and leaves nothing.
    enabled: requestId !== null && progress.phase !== "failed",
    retry: false,
    refetchInterval: (query) => (query.state.data?.event ? false : LIVE_MS),
  });
  const unsettled = isRunning(progress) || (trace.data !== undefined && !trace.data.event);
  const balance = useQuery({
    ...reads.balance(scope),
    refetchInterval: unsettled ? LIVE_MS : seconds === 0 ? false : seconds * 1000,
  });
  // The balance may have been read right before the charge was booked, and no other read is near.
  const booked = trace.data?.event ? requestId : null;
  const { refetch } = balance;
  useEffect(() => {
    if (booked !== null) void refetch();
  }, [booked, refetch]);
  return { balance, trace: requestId === null ? undefined : trace.data };
}
