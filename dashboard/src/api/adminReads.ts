import { queryOptions } from "@tanstack/react-query";
import { answered, client } from "./client";
import type { QueryOf } from "./types";

/** What only a platform admin reads, of all accounts together. */
export const adminReads = {
  accounts: (query: QueryOf<"adminListAccounts"> = {}) =>
    queryOptions({
      queryKey: ["admin", "accounts", query],
      queryFn: ({ signal }) => answered(client.GET("/admin/v1/accounts", { params: { query }, signal })),
    }),

  account: (id: string) =>
    queryOptions({
      queryKey: ["admin", "account", id],
      queryFn: ({ signal }) => answered(client.GET("/admin/v1/accounts/{id}", { params: { path: { id } }, signal })),
    }),

  /** Everything that an account may have packs of, besides its unit. */
  resources: (id: string) =>
    queryOptions({
      queryKey: ["admin", "resources", id],
      queryFn: ({ signal }) =>
        answered(client.GET("/admin/v1/accounts/{id}/resources", { params: { path: { id } }, signal })),
    }),

  /** The models as configured; they are changed in the configuration alone. */
  models: () =>
    queryOptions({
      queryKey: ["admin", "models"],
      queryFn: ({ signal }) => answered(client.GET("/admin/v1/models", { signal })),
    }),

  /** All that tells whether the books are right. */
  proof: () =>
    queryOptions({
      queryKey: ["admin", "proof"],
      queryFn: ({ signal }) => answered(client.GET("/admin/v1/proof", { signal })),
    }),

  features: () =>
    queryOptions({
      queryKey: ["admin", "features"],
      queryFn: ({ signal }) => answered(client.GET("/admin/v1/features", { signal })),
    }),

  featureRates: (key: string) =>
    queryOptions({
      queryKey: ["admin", "feature-rates", key],
      queryFn: ({ signal }) =>
        answered(client.GET("/admin/v1/features/{key}/rates", { params: { path: { key } }, signal })),
    }),

  rates: () =>
    queryOptions({
      queryKey: ["admin", "rates"],
      queryFn: ({ signal }) => answered(client.GET("/admin/v1/rates", { signal })),
    }),

  prices: (query: QueryOf<"adminListPrices"> = {}) =>
    queryOptions({
      queryKey: ["admin", "prices", query],
      queryFn: ({ signal }) => answered(client.GET("/admin/v1/prices", { params: { query }, signal })),
    }),

  trail: (query: QueryOf<"adminListTrail"> = {}) =>
    queryOptions({
      queryKey: ["admin", "trail", query],
      queryFn: ({ signal }) => answered(client.GET("/admin/v1/audit-trail", { params: { query }, signal })),
    }),

  audit: () =>
    queryOptions({
      queryKey: ["admin", "audit"],
      queryFn: ({ signal }) => answered(client.GET("/admin/v1/audit", { signal })),
    }),

  drift: (query: QueryOf<"adminListDrift"> = {}) =>
    queryOptions({
      queryKey: ["admin", "drift", query],
      queryFn: ({ signal }) => answered(client.GET("/admin/v1/drift", { params: { query }, signal })),
    }),

  seals: (query: QueryOf<"adminListSeals"> = {}) =>
    queryOptions({
      queryKey: ["admin", "seals", query],
      queryFn: ({ signal }) => answered(client.GET("/admin/v1/seals", { params: { query }, signal })),
    }),
};
