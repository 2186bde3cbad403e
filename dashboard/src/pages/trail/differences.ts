export interface Difference {
  field: string;
  before: string;
  after: string;
}

const NOTHING = "–";

/** The fields that differ between two states of a thing; one that was not there, or is gone, has nothing. */
export function differences(
  before: Record<string, unknown> | null,
  after: Record<string, unknown> | null,
): Difference[] {
  const fields = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  return fields
    .map((field) => ({ field, before: shown(before?.[field]), after: shown(after?.[field]) }))
    .filter((one) => one.before !== one.after);
}

function shown(value: unknown): string {
  if (value === null || value === undefined || value === "") return NOTHING;
  return typeof value === "string" ? value : JSON.stringify(value);
}
