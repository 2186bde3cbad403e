import { answered, client } from "../../api/client";
import type { Schema } from "../../api/types";
import { useWrite } from "../../api/writes";

export function useCreateAccount() {
  return useWrite((body: Schema<"NewAccount">, header) =>
    answered(client.POST("/admin/v1/accounts", { params: { header }, body })),
  );
}

export function useChangeAccount(id: string) {
  return useWrite((body: Schema<"AccountPatch">, header) =>
    answered(client.PATCH("/admin/v1/accounts/{id}", { params: { path: { id }, header }, body })),
  );
}
