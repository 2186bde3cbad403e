import { answered, client } from "../../api/client";
import type { Schema } from "../../api/types";
import { useWrite } from "../../api/writes";

/** Check all invariants now. */
export function useRunAudit() {
  return useWrite<null, Schema<"AuditReport">>(() => answered(client.POST("/admin/v1/audit")));
}

/** Recompute the chain of seals from the rows. */
export function useVerifySeals() {
  return useWrite<null, Schema<"Verification">>(() => answered(client.POST("/admin/v1/seals/verify")));
}
