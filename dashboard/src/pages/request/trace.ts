import type { Schema } from "../../api/types";

export type Trace = Schema<"RequestTrace">;

/** What was set aside, on which packs: of a request that is over from the ledger, of one that runs from its hold. */
export function holdOf(trace: Trace): { amount: number; resource: string; split: Schema<"HoldPart">[] } | null {
  if (trace.hold !== null) return { amount: trace.hold.amount, resource: trace.hold.resource, split: trace.hold.split };
  if (trace.reserved === null) return null;
  return { amount: trace.reserved, resource: trace.event?.resource ?? "tokens", split: trace.split ?? [] };
}
