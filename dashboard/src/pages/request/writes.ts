import { answered, client } from "../../api/client";
import type { Schema } from "../../api/types";
import { useWrite } from "../../api/writes";

export function useRefund(requestId: string) {
  return useWrite((body: Schema<"RefundOrder">, header) =>
    answered(
      client.POST("/admin/v1/events/{request_id}/refund", {
        params: { path: { request_id: requestId }, header },
        body,
      }),
    ),
  );
}
