import { answered, client } from "../../api/client";
import { useScope } from "../../api/scope";
import type { Schema } from "../../api/types";
import { useWrite } from "../../api/writes";

export function useCreateKey() {
  const scope = useScope();
  return useWrite((body: Schema<"NewKey">, header) =>
    answered(
      scope.kind === "account"
        ? client.POST("/api/v1/keys", { params: { header }, body })
        : client.POST("/admin/v1/accounts/{id}/keys", { params: { path: { id: scope.accountId }, header }, body }),
    ),
  );
}

export function useChangeKey(id: string) {
  const { kind } = useScope();
  return useWrite((body: Schema<"KeyPatch">, header) => {
    const params = { path: { id }, header };
    return answered(
      kind === "account"
        ? client.PATCH("/api/v1/keys/{id}", { params, body })
        : client.PATCH("/admin/v1/keys/{id}", { params, body }),
    );
  });
}

export function useRotateKey(id: string) {
  const { kind } = useScope();
  return useWrite((overlapSeconds: number, header) => {
    const params = { path: { id }, header };
    const body = { overlap_seconds: overlapSeconds };
    return answered(
      kind === "account"
        ? client.POST("/api/v1/keys/{id}/rotate", { params, body })
        : client.POST("/admin/v1/keys/{id}/rotate", { params, body }),
    );
  });
}

export function useRevokeKey(id: string) {
  const { kind } = useScope();
  return useWrite((_: null, header) => {
    const params = { path: { id }, header };
    return answered(
      kind === "account"
        ? client.DELETE("/api/v1/keys/{id}", { params })
        : client.DELETE("/admin/v1/keys/{id}", { params }),
    );
  });
}

/** Whose limits: of a key, a member, a model, or of the account itself. */
export interface LimitSubject {
  scope: Schema<"Scope">;
  subject?: string;
}

export function useSetLimits(of: LimitSubject) {
  const scope = useScope();
  return useWrite((limits: Schema<"KeyLimits">, header) => {
    const body = { ...of, limits };
    return answered(
      scope.kind === "account"
        ? client.PUT("/api/v1/limits", { params: { header }, body })
        : client.PUT("/admin/v1/accounts/{id}/limits", { params: { path: { id: scope.accountId }, header }, body }),
    );
  });
}

export function useResetLimits(of: LimitSubject) {
  const scope = useScope();
  return useWrite((_: null, header) =>
    answered(
      scope.kind === "account"
        ? client.POST("/api/v1/limits/reset", { params: { header }, body: of })
        : client.POST("/admin/v1/accounts/{id}/limits/reset", {
            params: { path: { id: scope.accountId }, header },
            body: of,
          }),
    ),
  );
}
