import { queryOptions } from "@tanstack/react-query";
import { answered, client } from "./client";
import type { Scope } from "./scope";
import type { QueryOf } from "./types";

/** Each read of an account, in either scope. A page passes one of these to `useRead` and never names a route. */
export const reads = {
  balance: (scope: Scope, query: QueryOf<"getBalance"> = {}) =>
    queryOptions({
      queryKey: ["balance", scope, query],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/balance", { params: { query }, signal })
            : client.GET("/admin/v1/accounts/{id}/balance", { params: { path: path(scope), query }, signal }),
        ),
    }),

  overview: (scope: Scope) =>
    queryOptions({
      queryKey: ["overview", scope],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/overview", { signal })
            : client.GET("/admin/v1/accounts/{id}/overview", { params: { path: path(scope) }, signal }),
        ),
    }),

  packs: (scope: Scope, query: QueryOf<"listPacks"> = {}) =>
    queryOptions({
      queryKey: ["packs", scope, query],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/packs", { params: { query }, signal })
            : client.GET("/admin/v1/accounts/{id}/packs", { params: { path: path(scope), query }, signal }),
        ),
    }),

  ledger: (scope: Scope, query: QueryOf<"listEntries"> = {}) =>
    queryOptions({
      queryKey: ["ledger", scope, query],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/ledger", { params: { query }, signal })
            : client.GET("/admin/v1/ledger", { params: { query: owned(scope, query) }, signal }),
        ),
    }),

  events: (scope: Scope, query: QueryOf<"listEvents"> = {}) =>
    queryOptions({
      queryKey: ["events", scope, query],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/events", { params: { query }, signal })
            : client.GET("/admin/v1/events", { params: { query: owned(scope, query) }, signal }),
        ),
    }),

  /** One request, from its hold to the ledger. */
  request: (scope: Scope, requestId: string) =>
    queryOptions({
      queryKey: ["request", scope, requestId],
      queryFn: ({ signal }) => {
        const params = { path: { request_id: requestId } };
        return answered(
          scope.kind === "account"
            ? client.GET("/api/v1/events/{request_id}", { params, signal })
            : client.GET("/admin/v1/events/{request_id}", { params, signal }),
        );
      },
    }),

  usage: (scope: Scope, query: QueryOf<"getUsage"> = {}) =>
    queryOptions({
      queryKey: ["usage", scope, query],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/usage", { params: { query }, signal })
            : client.GET("/admin/v1/usage", { params: { query: owned(scope, query) }, signal }),
        ),
    }),

  surplus: (scope: Scope, query: QueryOf<"getSurplus"> = {}) =>
    queryOptions({
      queryKey: ["surplus", scope, query],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/surplus", { params: { query }, signal })
            : client.GET("/admin/v1/accounts/{id}/surplus", { params: { path: path(scope), query }, signal }),
        ),
    }),

  allocations: (scope: Scope, query: QueryOf<"getAllocations"> = {}) =>
    queryOptions({
      queryKey: ["allocations", scope, query],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/allocations", { params: { query }, signal })
            : client.GET("/admin/v1/accounts/{id}/allocations", { params: { path: path(scope), query }, signal }),
        ),
    }),

  keys: (scope: Scope, query: QueryOf<"listKeys"> = {}) =>
    queryOptions({
      queryKey: ["keys", scope, query],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/keys", { params: { query }, signal })
            : client.GET("/admin/v1/accounts/{id}/keys", { params: { path: path(scope), query }, signal }),
        ),
    }),

  members: (scope: Scope, query: QueryOf<"listMembers"> = {}) =>
    queryOptions({
      queryKey: ["members", scope, query],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/members", { params: { query }, signal })
            : client.GET("/admin/v1/accounts/{id}/members", { params: { path: path(scope), query }, signal }),
        ),
    }),

  limits: (scope: Scope, query: QueryOf<"listLimits"> = {}) =>
    queryOptions({
      queryKey: ["limits", scope, query],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/limits", { params: { query }, signal })
            : client.GET("/admin/v1/accounts/{id}/limits", { params: { path: path(scope), query }, signal }),
        ),
    }),

  statements: (scope: Scope, query: QueryOf<"getStatements">) =>
    queryOptions({
      queryKey: ["statements", scope, query],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/statements", { params: { query }, signal })
            : client.GET("/admin/v1/accounts/{id}/statements", { params: { path: path(scope), query }, signal }),
        ),
    }),

  /** How far the balance goes. */
  estimate: (scope: Scope) =>
    queryOptions({
      queryKey: ["estimate", scope],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/estimate", { signal })
            : client.GET("/admin/v1/accounts/{id}/estimate", { params: { path: path(scope) }, signal }),
        ),
    }),

  /** What the account's models and features cost. */
  pricing: (scope: Scope) =>
    queryOptions({
      queryKey: ["pricing", scope],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/pricing", { signal })
            : client.GET("/admin/v1/accounts/{id}/pricing", { params: { path: path(scope) }, signal }),
        ),
    }),

  trail: (scope: Scope, query: QueryOf<"listTrail"> = {}) =>
    queryOptions({
      queryKey: ["trail", scope, query],
      queryFn: ({ signal }) =>
        answered(
          scope.kind === "account"
            ? client.GET("/api/v1/audit-trail", { params: { query }, signal })
            : client.GET("/admin/v1/audit-trail", { params: { query: owned(scope, query) }, signal }),
        ),
    }),
};

interface AdminScope {
  kind: "admin";
  accountId: string;
}

function path(scope: AdminScope): { id: string } {
  return { id: scope.accountId };
}

function owned<Query extends object>(scope: AdminScope, query: Query): Query & { account_id: string } {
  return { ...query, account_id: scope.accountId };
}

/** The files beside the lists: all rows of the same filters. */
export function fileOf(scope: Scope, name: "ledger" | "events" | "usage", query: object): string {
  const root = scope.kind === "account" ? "/api/v1" : "/admin/v1";
  const all = scope.kind === "account" ? query : owned(scope, query);
  const search = new URLSearchParams();
  for (const [field, value] of Object.entries(all) as [string, unknown][]) {
    if (field === "limit" || field === "cursor" || field === "total") continue;
    for (const one of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof one === "string" || typeof one === "number") search.append(field, String(one));
    }
  }
  const text = search.toString();
  return `${root}/${name}.csv${text === "" ? "" : `?${text}`}`;
}
