import { kindOf } from "./amounts";

/** A moment as `<input type="datetime-local">` has it, in the viewer's zone: "2026-12-31T00:00". */
export function toLocalInput(iso: string | null): string {
  if (iso === null) return "";
  const at = new Date(iso);
  const two = (part: number) => String(part).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** What was written into such a field, as the API takes it; null for an empty one. */
export function fromLocalInput(text: string): string | null {
  const at = new Date(text);
  return text === "" || Number.isNaN(at.getTime()) ? null : at.toISOString();
}

/** How people write amounts of a resource into a field: dollars, megabytes, or as they are counted. */
export function inputUnit(resource: string): { factor: number; prefix?: string; suffix?: string } {
  switch (kindOf(resource)) {
    case "money":
      return { factor: 1_000_000, prefix: "$" };
    case "bytes":
      return { factor: 1_000_000, suffix: " MB" };
    case "number":
      return { factor: 1 };
  }
}
