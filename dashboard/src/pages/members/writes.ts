import { answered, client } from "../../api/client";
import { useScope } from "../../api/scope";
import type { Schema } from "../../api/types";
import { useWrite } from "../../api/writes";

export function useAddMember() {
  const scope = useScope();
  return useWrite((body: Schema<"NewMember">, header) =>
    answered(
      scope.kind === "account"
        ? client.POST("/api/v1/members", { params: { header }, body })
        : client.POST("/admin/v1/accounts/{id}/members", { params: { path: { id: scope.accountId }, header }, body }),
    ),
  );
}

export function useChangeMember(userId: string) {
  const scope = useScope();
  return useWrite((body: Schema<"MemberPatch">, header) =>
    answered(
      scope.kind === "account"
        ? client.PATCH("/api/v1/members/{user_id}", { params: { path: { user_id: userId }, header }, body })
        : client.PATCH("/admin/v1/accounts/{id}/members/{user_id}", {
            params: { path: { id: scope.accountId, user_id: userId }, header },
            body,
          }),
    ),
  );
}

export function useDeactivateMember(userId: string) {
  const scope = useScope();
  return useWrite((_: null, header) =>
    answered(
      scope.kind === "account"
        ? client.DELETE("/api/v1/members/{user_id}", { params: { path: { user_id: userId }, header } })
        : client.DELETE("/admin/v1/accounts/{id}/members/{user_id}", {
            params: { path: { id: scope.accountId, user_id: userId }, header },
          }),
    ),
  );
}

/** Grant a pack; only a platform admin can. */
export function useGrant(accountId: string) {
  return useWrite((body: Schema<"NewPack">, header) =>
    answered(client.POST("/admin/v1/accounts/{id}/packs", { params: { path: { id: accountId }, header }, body })),
  );
}
