const DAY_MS = 86_400_000;

/** The calendar day of a moment in a zone: "2026-11-21". */
export function dayIn(at: Date, timeZone: string): string {
  // Swedish writes dates as ISO 8601 does.
  return new Intl.DateTimeFormat("sv-SE", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" }).format(at);
}

/** The last `count` days of an account's calendar, today's last. */
export function lastDays(count: number, now: Date, timeZone: string): string[] {
  const today = new Date(`${dayIn(now, timeZone)}T00:00:00Z`).getTime();
  return Array.from({ length: count }, (_, index) =>
    new Date(today - (count - 1 - index) * DAY_MS).toISOString().slice(0, 10),
  );
}

/** A point for each day: the one that the API sent, or none where nothing happened. */
export function byDay<Point extends { period: string }>(days: string[], points: Point[]): [string, Point | null][] {
  const found = new Map(points.map((point) => [point.period, point]));
  return days.map((day) => [day, found.get(day) ?? null]);
}

/** A moment early enough to have all of the last `count` days in any zone, on a whole hour so that it stays the same. */
export function since(count: number, now: Date): string {
  const hour = Math.floor(now.getTime() / 3_600_000) * 3_600_000;
  return new Date(hour - count * DAY_MS).toISOString();
}
