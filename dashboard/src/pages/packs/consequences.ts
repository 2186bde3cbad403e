import type { Balance, Pack } from "../../api/types";

/** What a change does to the balance of a resource. */
export interface Consequence {
  before: number;
  after: number;
  /** What of it goes to what is owed. */
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

/** A refund raises the balance by what goes back onto packs that count, and by the debt that it repays. */
export function ofRefund(balance: Standing, { debt, packs }: { debt: number; packs: number }): Consequence {
  return consequence(balance, debt + packs, debt);
}

function consequence(balance: Standing, delta: number, repaid: number): Consequence {
  const after = balance.balance + delta;
  // As the meter rules it: an empty account is stopped, too, unless an unlimited pack pays.
  const stopped = !balance.unlimited && after < Math.max(balance.min_reserve, 1);
  const was = balance.state === "stopped";
  const turn = stopped === was ? null : stopped ? "stops" : "resumes";
  return { before: balance.balance, after, repaid, turn };
}
