const MICRO = 1_000_000; // An account in credits counts micro-dollars.
const BYTE_UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"] as const;

/** How amounts of a resource are written: plain numbers, money, bytes, or things that are counted. */
export type AmountKind = "number" | "money" | "bytes";

export function kindOf(resource: string): AmountKind {
  if (resource === "credits") return "money";
  return resource.endsWith("_bytes") || resource === "bytes" ? "bytes" : "number";
}

/** An amount of a resource for people: "1,234,567", "$0.012345", "1.5 MB". */
export function formatAmount(amount: number, resource: string, language: string): string {
  switch (kindOf(resource)) {
    case "money":
      return formatMicroDollars(amount, language);
    case "bytes":
      return formatBytes(amount, language);
    case "number":
      return formatNumber(amount, language);
  }
}

/** The same to its last digit, for whoever hovers: "12,345 micro-dollars" is what the ledger has. */
export function exactAmount(amount: number, language: string): string {
  return formatNumber(amount, language);
}

export function formatNumber(value: number, language: string): string {
  return new Intl.NumberFormat(language).format(value);
}

/** A share of a whole, 0 to 100, without its fraction: "12%", or "12 %" where the language has it so. */
export function formatPercent(percent: number, language: string): string {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(percent / 100);
}

/** Names in a row: "a, b, c", "a, b und c", "a、b、c". */
export function formatList(names: readonly string[], language: string): string {
  return new Intl.ListFormat(language, { type: "conjunction", style: "narrow" }).format(names);
}

/** A short form for the axes of charts: "12.3K". */
export function formatCompact(amount: number, resource: string, language: string): string {
  const compact: Intl.NumberFormatOptions = { notation: "compact", maximumFractionDigits: 1 };
  switch (kindOf(resource)) {
    case "money":
      return new Intl.NumberFormat(language, { ...compact, style: "currency", currency: "USD" }).format(amount / MICRO);
    case "bytes":
      return formatBytes(amount, language);
    case "number":
      return new Intl.NumberFormat(language, compact).format(amount);
  }
}

/** Micro-dollars as dollars: cents always, smaller parts where there are some. */
export function formatMicroDollars(micro: number, language: string, digits = 6): string {
  return new Intl.NumberFormat(language, {
    style: "currency",
    currency: "USD",
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  }).format(micro / MICRO);
}

/** Bytes in decimal units, as disks are sold: 1,500,000 is "1.5 MB". */
export function formatBytes(bytes: number, language: string): string {
  const steps = Math.min(BYTE_UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, Math.abs(bytes))) / 3)));
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: BYTE_UNITS[steps],
    unitDisplay: steps === 0 ? "long" : "short",
    maximumFractionDigits: 2,
  }).format(bytes / 1000 ** steps);
}

/** A share of a whole, between 0 and 100; an empty whole has none. */
export function percentOf(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.min(100, Math.max(0, (part / whole) * 100));
}
