import type { Schema } from "../../api/types";
import { momentOf } from "../keys/form";
import { microOf } from "../keys/limits";

/** What a row of the price table says, in the order in which people read it. */
export const PRICES = [
  "input",
  "completion",
  "cached_input",
  "cache_write",
  "reasoning",
  "image",
  "image_completion",
  "audio",
  "audio_completion",
  "images",
] as const;
export type PriceName = (typeof PRICES)[number];

/** Dollars for a million tokens (`images`: for 10,000 images); nothing where there is no price of its own. */
export interface PriceForm {
  model: string;
  texts: Record<PriceName, string>;
  tier: string;
  above: string;
  validFrom: string | null;
}

export const NEW_PRICE: PriceForm = {
  model: "",
  texts: Object.fromEntries(PRICES.map((name) => [name, ""])) as Record<PriceName, string>,
  tier: "",
  above: "",
  validFrom: null,
};

export function newPriceOf(form: PriceForm): { price: Schema<"NewPrice">; wrong: PriceName[] } {
  const price: Schema<"NewPrice"> = { model: form.model.trim() };
  const wrong: PriceName[] = [];
  for (const name of PRICES) {
    const text = form.texts[name].trim();
    if (text === "") continue;
    const micro = /^0+(\.0*)?$/.test(text) ? 0 : microOf(text);
    if (micro === null) wrong.push(name);
    else price[name] = micro;
  }
  if (form.tier.trim() !== "") price.service_tier = form.tier.trim();
  if (form.above.trim() !== "") price.above_prompt_tokens = Number(form.above);
  if (form.validFrom !== null) price.valid_from = momentOf(form.validFrom);
  return { price, wrong };
}

type Quote = Schema<"PriceQuote">;

/** The prices that an import would change, each before and after. */
export function changesOf(before: Quote | null, after: Quote): { name: PriceName; before?: number; after?: number }[] {
  const value = (quote: Quote | null, name: PriceName) => quote?.[name] ?? undefined;
  return PRICES.map((name) => ({ name, before: value(before, name), after: value(after, name) })).filter(
    (one) => one.before !== one.after,
  );
}
