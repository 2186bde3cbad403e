import type { Balance, Pack } from "../../api/types";

/** What a change of a pack does to the balance of its resource. */
export interface Consequence {
  before: number;
  after: number;
  /** What of a new pack goes to what is owed. */
  repaid: number;
  /** The account stops, or goes on, by this change. */
  turn: "stops" | "resumes" | null;
}

type Standing = Pick<Balance, "balance" | "debt" | "min_reserve" | "state" | "unlimited">;

export function ofGrant(balance: Standing, size: number): Consequence {
  return consequence(balance, size, Math.min(balance.debt, size));
}

/** An unlimited pack has no `remaining`, so its loss can't be put into numbers. */
export function ofRevoke(balance: Standing, pack: Pick<Pack, "remaining">): Consequence | null {
  return pack.remaining === null ? null : consequence(balance, -pack.remaining, 0);
}

function consequence(balance: Standing, delta: number, repaid: number): Consequence {
  const after = balance.balance + delta;
  // As the meter rules it: an empty account is stopped, too, unless an unlimited pack pays.
  const stopped = !balance.unlimited && after < Math.max(balance.min_reserve, 1);
  const was = balance.state === "stopped";
  const turn = stopped === was ? null : stopped ? "stops" : "resumes";
  return { before: balance.balance, after, repaid, turn };
}
