import type { Entry } from "../../api/types";
import { useFormat } from "../../format/useFormat";

/** Prompt and completion tokens of the request behind an entry. */
export function Split({ entry }: { entry: Pick<Entry, "prompt_tokens" | "completion_tokens"> }) {
  const format = useFormat();
  if (entry.prompt_tokens === null || entry.completion_tokens === null) return "–";
  return (
    <span className="farebox-amount">
      {format.number(entry.prompt_tokens)} / {format.number(entry.completion_tokens)}
    </span>
  );
}
