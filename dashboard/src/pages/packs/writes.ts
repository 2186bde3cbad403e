import { answered, client } from "../../api/client";
import type { Schema } from "../../api/types";
import { useWrite } from "../../api/writes";

export function useGrant(accountId: string) {
  return useWrite((body: Schema<"NewPack">, header) =>
    answered(client.POST("/admin/v1/accounts/{id}/packs", { params: { path: { id: accountId }, header }, body })),
  );
}

export function useChange(id: string) {
  return useWrite((body: Schema<"PackPatch">, header) =>
    answered(client.PATCH("/admin/v1/packs/{id}", { params: { path: { id }, header }, body })),
  );
}

export function useRevoke() {
  return useWrite((id: string, header) =>
    answered(client.POST("/admin/v1/packs/{id}/revoke", { params: { path: { id }, header } })),
  );
}
