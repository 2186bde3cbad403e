import { useMemo } from "react";
import { Navigate, Outlet, useParams } from "react-router";
import { adminReads } from "../api/adminReads";
import { ScopeContext, scopeOf } from "../api/scope";
import { useRead } from "../api/useRead";
import { Loaded } from "../ui/Loaded";
import { homeOf, useSession } from "./session";

/** The pages of the account that is signed in. */
export function OwnAccount() {
  const session = useSession();
  const value = useMemo(
    () =>
      session.account && {
        scope: { kind: "account" } as const,
        account: session.account,
        to: (page: string) => `/${page}`,
      },
    [session.account],
  );
  if (value === null) return <Navigate to={homeOf(session)} replace />;
  return (
    <ScopeContext value={value}>
      <Outlet />
    </ScopeContext>
  );
}

/** What only platform admins see. */
export function PlatformAdmins() {
  const session = useSession();
  return session.role === "platform_admin" ? <Outlet /> : <Navigate to={homeOf(session)} replace />;
}

/** The same pages of any account, for a platform admin. */
export function AnyAccount() {
  const { accountId = "" } = useParams();
  const account = useRead(adminReads.account(accountId));
  const value = useMemo(() => account.data && scopeOf(account.data), [account.data]);
  return (
    <Loaded query={account}>
      {() =>
        value && (
          <ScopeContext value={value}>
            <Outlet />
          </ScopeContext>
        )
      }
    </Loaded>
  );
}
