const DAY_SECONDS = 86_400;
const PARTS = [
  ["day", DAY_SECONDS],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** A moment in the viewer's own zone: "Jan 3, 2026, 07:58:12". */
export function formatTime(iso: string, language: string): string {
  return new Intl.DateTimeFormat(language, {
    year: "numeric",
    // Chinese writes a date in words wider than a card of a phone is.
    month: language === "zh" ? "numeric" : "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  }).format(new Date(iso));
}

/** The day of a moment in the viewer's own zone: "Jan 3, 2026". */
export function formatDay(iso: string, language: string): string {
  return new Intl.DateTimeFormat(language, { year: "numeric", month: "short", day: "numeric" }).format(new Date(iso));
}

/** The time of day in the viewer's own zone: "07:58:12". */
export function formatClock(at: Date, language: string): string {
  return new Intl.DateTimeFormat(language, { timeStyle: "medium", hourCycle: "h23" }).format(at);
}

/** A day of an account's calendar, "2026-11-21", for the axis of a chart: "Nov 21". It has no zone to be moved by. */
export function formatPeriodDay(period: string, language: string): string {
  const at = new Date(`${period}T00:00:00Z`);
  return new Intl.DateTimeFormat(language, { month: "short", day: "numeric", timeZone: "UTC" }).format(at);
}

/** The exact moment in UTC, with all digits that the API sent: "2026-01-03 07:58:12.123456 UTC". */
export function exactUtc(iso: string): string {
  return iso.replace("T", " ").replace(/Z$/, " UTC");
}

/** How long something lasts, in its two largest units: "3 days, 4 hr". */
export function formatDuration(seconds: number, language: string): string {
  let left = Math.max(0, Math.floor(seconds));
  const said: string[] = [];
  for (const [unit, size] of PARTS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0 || (unit === "second" && said.length === 0)) {
      said.push(new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(count));
    } else if (said.length > 0) {
      break;
    }
    if (said.length === 2) break;
  }
  return new Intl.ListFormat(language, { type: "unit", style: "short" }).format(said);
}
