import type { Event, Schema } from "../../api/types";

export type Trace = Schema<"RequestTrace">;

export interface Attempt {
  model: string;
  provider: string;
  error: string;
}

/** The attempts that failed before one answered. The API describes them as free objects, so each field is looked at. */
export function attemptsOf(event: Pick<Event, "attempts">): Attempt[] {
  return event.attempts.map((one: Record<string, unknown>) => ({
    model: textOf(one.model),
    provider: textOf(one.provider),
    error: textOf(one.error),
  }));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** What was set aside, on which packs: of a request that is over from the ledger, of one that runs from its hold. */
export function holdOf(trace: Trace): { amount: number; resource: string; split: Schema<"HoldPart">[] } | null {
  if (trace.hold !== null) return { amount: trace.hold.amount, resource: trace.hold.resource, split: trace.hold.split };
  if (trace.reserved === null) return null;
  return { amount: trace.reserved, resource: trace.event?.resource ?? "tokens", split: trace.split ?? [] };
}
