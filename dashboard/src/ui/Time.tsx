import { exactUtc } from "../format/times";
import { useFormat } from "../format/useFormat";

/** A moment in the viewer's zone, with the exact UTC on hover. */
export function Time({ at, day = false }: { at: string; day?: boolean }) {
  const format = useFormat();
  return (
    <time dateTime={at} title={exactUtc(at)} style={{ whiteSpace: "nowrap" }}>
      {day ? format.day(at) : format.time(at)}
    </time>
  );
}
