import type { Entry } from "../../api/types";
import { kindOf } from "../../format/amounts";
import type { Trace } from "./trace";

/** Where a refund goes; the three add up to it. */
export interface Refund {
  /** Against what the request still owes. */
  debt: number;
  /** Back onto packs that count, so that the balance rises. */
  packs: number;
  /** To packs that are unlimited, expired or revoked: the balance does not rise by it. */
  gone: number;
}

const MICRO = 1_000_000;

/** What may still be given back of a request: nothing while it runs. */
export function leftOf(trace: Pick<Trace, "event" | "refunded">): number {
  return trace.event === null ? 0 : Math.max(0, trace.event.charge - (trace.refunded ?? 0));
}

/** What was written into the field, in the resource's own unit; all that is left for an empty one, null if it is wrong. */
export function amountOf(written: number | string, resource: string, left: number): number | null {
  if (written === "") return left;
  const amount = kindOf(resource) === "money" ? Math.round(Number(written) * MICRO) : Number(written);
  return Number.isInteger(amount) && amount > 0 && amount <= left ? amount : null;
}

/** As the ledger books it: first the request's own debt, then the packs that it drew on, the one drawn last first. */
export function refundOf({ entries, packs }: Pick<Trace, "entries" | "packs">, amount: number): Refund {
  const counting = new Set(
    packs.filter((pack) => !pack.unlimited && ["active", "depleted"].includes(pack.status)).map((pack) => pack.id),
  );
  const made: Refund = { debt: Math.min(amount, owed(entries)), packs: 0, gone: 0 };
  let left = amount - made.debt;
  for (const [pack, drawn] of lastDrawnFirst(entries)) {
    const part = Math.max(0, Math.min(left, drawn));
    made[counting.has(pack) ? "packs" : "gone"] += part;
    left -= part;
  }
  return made;
}

function owed(entries: Entry[]): number {
  return entries.reduce(
    (sum, entry) => sum + (entry.from === "debt" ? entry.amount : entry.to === "debt" ? -entry.amount : 0),
    0,
  );
}

/** What the request drew from each pack, or had repaid by it, less what went back before. */
function lastDrawnFirst(entries: Entry[]): [string, number][] {
  const drawn = new Map<string, number>();
  const inOrder = [...entries].sort((one, other) => one.version - other.version || one.seq - other.seq);
  for (const entry of inOrder) {
    if (entry.pack_id === null || entry.kind === "auto_grant") continue;
    const back = entry.to === `pack:${entry.pack_id}` || entry.from === "usage";
    const before = drawn.get(entry.pack_id) ?? 0;
    drawn.delete(entry.pack_id); // A map keeps the order of what was put in last.
    drawn.set(entry.pack_id, before + (back ? -entry.amount : entry.amount));
  }
  return [...drawn].reverse();
}
