import { answered, client } from "../../api/client";
import type { Schema } from "../../api/types";
import { useWrite } from "../../api/writes";

export function useCreateFeature() {
  return useWrite((body: Schema<"NewFeature">, header) =>
    answered(client.POST("/admin/v1/features", { params: { header }, body })),
  );
}

/** A new version of a feature's rate: the one before stays as it was, for whoever it was charged to. */
export function useAddRate(key: string) {
  return useWrite((body: Schema<"NewRate">, header) =>
    answered(client.POST("/admin/v1/features/{key}/rates", { params: { path: { key }, header }, body })),
  );
}

export function useRetireFeature(key: string) {
  return useWrite((retired: boolean, header) => {
    const params = { path: { key }, header };
    return answered(
      retired
        ? client.DELETE("/admin/v1/features/{key}", { params })
        : client.PATCH("/admin/v1/features/{key}", { params, body: { retired } }),
    );
  });
}
