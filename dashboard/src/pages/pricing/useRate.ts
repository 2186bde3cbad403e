import { useCallback } from "react";
import { useLanguage } from "../../app/words";
import { useResourceName } from "../../ui/Amount";
import { formatMicroDollars } from "../../format/amounts";

const RATE_DIGITS = 12; // A rate has six places of a micro-dollar.

/** A rate with all of its (at most six) digits and what it is in: "2.5 tokens", "$0.0000005" for half a micro-dollar. */
export function useRate(): (rate: number, unit: string) => string {
  const language = useLanguage();
  const nameOf = useResourceName();
  return useCallback(
    (rate: number, unit: string) => {
      if (unit === "credits") return formatMicroDollars(rate, language, RATE_DIGITS);
      const number = new Intl.NumberFormat(language, { maximumFractionDigits: 6 }).format(rate);
      return `${number} ${nameOf(unit, rate)}`;
    },
    [language, nameOf],
  );
}
