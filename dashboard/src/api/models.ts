import type { Schema } from "./types";

/** The models that a prompt may be sent to or counted for, by name. */
export function modelsOf({ rates, prices }: Pick<Schema<"Pricing">, "rates" | "prices">): string[] {
  const configured = rates.map((row) => row.model);
  const named = configured.filter((model) => !model.includes("*"));
  // A pattern stands for models that nobody listed: those with a price are known. Without one a price alone is no model.
  const priced = named.length < configured.length ? prices.map((row) => row.model) : [];
  return [...new Set([...named, ...priced])].sort();
}
