import { useMemo } from "react";
import { useLanguage } from "../app/words";
import * as amounts from "./amounts";
import * as times from "./times";

/** All formats in the reader's language. */
export function useFormat() {
  const language = useLanguage();
  return useMemo(
    () => ({
      amount: (amount: number, resource: string) => amounts.formatAmount(amount, resource, language),
      compact: (amount: number, resource: string) => amounts.formatCompact(amount, resource, language),
      number: (value: number) => amounts.formatNumber(value, language),
      percent: (percent: number) => amounts.formatPercent(percent, language),
      list: (names: readonly string[]) => amounts.formatList(names, language),
      money: (micro: number) => amounts.formatMicroDollars(micro, language),
      time: (iso: string) => times.formatTime(iso, language),
      day: (iso: string) => times.formatDay(iso, language),
      clock: (at: Date) => times.formatClock(at, language),
      periodDay: (period: string) => times.formatPeriodDay(period, language),
      duration: (seconds: number) => times.formatDuration(seconds, language),
    }),
    [language],
  );
}
