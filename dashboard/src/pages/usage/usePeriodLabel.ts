import { useCallback } from "react";
import { useLanguage } from "../../app/words";
import { useFormat } from "../../format/useFormat";

/** The name of a step on an axis: "Nov 21", "Nov 21, 14:00", "November 2026". */
export function usePeriodLabel(): (period: string) => string {
  const format = useFormat();
  const language = useLanguage();
  return useCallback(
    (period: string) => {
      const [day = "", hour] = period.split("T");
      if (day.length === "2026-11".length) {
        const month: Intl.DateTimeFormatOptions = { month: "long", year: "numeric", timeZone: "UTC" };
        return new Intl.DateTimeFormat(language, month).format(new Date(`${day}-01T00:00:00Z`));
      }
      return hour === undefined ? format.periodDay(day) : `${format.periodDay(day)}, ${hour}`;
    },
    [format, language],
  );
}
