import { createContext, use } from "react";

/** By which API a page is read: the session's own account, or any account as a platform admin. */
export type Scope = { kind: "account" } | { kind: "admin"; accountId: string };

/** What every page may take for granted of the account that it shows. */
export interface ScopedAccount {
  id: string;
  name: string;
  unit: string;
  time_zone: string;
}

export interface ScopeValue {
  scope: Scope;
  account: ScopedAccount;
  /** The path of a page of this account: `to("ledger/" + id)`. */
  to: (page: string) => string;
}

/** Any account, as a platform admin looks at it. */
export function scopeOf(account: ScopedAccount): ScopeValue {
  return {
    scope: { kind: "admin", accountId: account.id },
    account,
    to: (page) => `/admin/accounts/${account.id}/${page === "" ? "overview" : page}`,
  };
}

export const ScopeContext = createContext<ScopeValue | null>(null);

function useScopeValue(): ScopeValue {
  const value = use(ScopeContext);
  if (value === null) throw new Error("A page of an account is shown outside of its scope.");
  return value;
}

export function useScope(): Scope {
  return useScopeValue().scope;
}

export function useAccount(): ScopedAccount {
  return useScopeValue().account;
}

export function useTo(): (page: string) => string {
  return useScopeValue().to;
}
