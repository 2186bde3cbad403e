import { answered, client } from "../../api/client";
import type { Schema } from "../../api/types";
import { useWrite } from "../../api/writes";

export function useAddPrice() {
  return useWrite((body: Schema<"NewPrice">, header) =>
    answered(client.POST("/admin/v1/prices", { params: { header }, body })),
  );
}

/** Without `apply` it only says what would change; with the digest of that, it changes exactly that. */
export function useImportPrices() {
  return useWrite((body: Schema<"PriceImport">, header) =>
    answered(client.POST("/admin/v1/prices/import", { params: { header }, body })),
  );
}
