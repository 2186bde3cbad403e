import { queryOptions, useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { createContext, use, useEffect, useState, type ReactNode } from "react";
import { Navigate, useLocation } from "react-router";
import { answered, client, holdSession, whenSessionEnds } from "../api/client";
import { ApiError } from "../api/errors";
import type { Session } from "../api/session";
import { Failure } from "../ui/Failure";
import { Waiting } from "../ui/Waiting";

const SessionContext = createContext<Session | null>(null);

/** Who is signed in; null where nobody is. */
export const sessionRead = queryOptions({
  queryKey: ["session"],
  staleTime: Infinity,
  queryFn: async ({ signal }) => {
    try {
      const session = await answered(client.GET("/api/v1/session", { signal }));
      holdSession(session);
      return session;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  },
});

/** The session of whoever is signed in; used below `SignedIn` only. */
export function useSession(): Session {
  const session = use(SessionContext);
  if (session === null) throw new Error("A page for people who are signed in is shown to nobody.");
  return session;
}

/** Where people begin, and where they are sent from a page that is not theirs. */
export function homeOf(session: Session): string {
  return session.role === "platform_admin" ? "/admin/accounts" : "/";
}

/** What is below it is shown to people who are signed in; others sign in first and come back. */
export function SignedIn({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const place = useLocation();
  const session = useQuery(sessionRead);
  const [ended, setEnded] = useState(false);

  useEffect(() => {
    whenSessionEnds(() => {
      setEnded(true);
      forget(queries);
    });
    return () => whenSessionEnds(() => undefined);
  }, [queries]);

  if (session.isPending) return <Waiting />;
  if (session.isError) return <Failure error={session.error} onRetry={() => void session.refetch()} />;
  if (session.data === null) {
    return <Navigate to={`/sign-in${whyAndNext(ended, `${place.pathname}${place.search}`)}`} replace />;
  }
  return <SessionContext value={session.data}>{children}</SessionContext>;
}

/** What the page to sign in is told: that a session has ended, and where to go on afterwards. */
function whyAndNext(ended: boolean, next: string): string {
  const told = new URLSearchParams();
  if (ended) told.set("ended", "1");
  if (next !== "/") told.set("next", next);
  return told.size === 0 ? "" : `?${told.toString()}`;
}

/** Nobody is signed in any more, and what was read is gone: whoever signs in next must see none of it. */
function forget(queries: QueryClient): void {
  holdSession(null);
  queries.setQueryData(sessionRead.queryKey, null);
  queries.removeQueries({ predicate: (query) => query.queryKey[0] !== sessionRead.queryKey[0] });
}

/** End the session, everywhere. */
export function useSignOut(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await answered(client.DELETE("/api/v1/session"));
    forget(queries);
  };
}
