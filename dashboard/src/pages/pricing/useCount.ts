import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { answered, client } from "../../api/client";
import { useRead } from "../../api/useRead";
import { wellFormed } from "./tokens";

export interface Asked {
  model: string;
  prompt: string;
  /** The longest reply that is asked for; null: the model's own limit. */
  longest: number | null;
}

/** What a chat with one message would hold and cost, with where its tokens are; nothing is charged for it. */
export function useCount({ model, prompt, longest }: Asked) {
  const content = wellFormed(prompt);
  return useRead(
    queryOptions({
      queryKey: ["count", model, content, longest],
      enabled: model !== "" && content !== "",
      placeholderData: keepPreviousData,
      gcTime: 0, // What people paste is theirs: it is not kept once it is off the page.
      queryFn: async ({ signal }) => {
        const body = {
          model,
          messages: [{ role: "user" as const, content }],
          boundaries: true,
          ...(longest === null ? {} : { max_completion_tokens: longest }),
        };
        const count = await answered(client.POST("/api/v1/playground/count", { body, signal }));
        // With the text that was counted: what is typed meanwhile has other boundaries.
        return { ...count, text: content };
      },
    }),
  );
}

export type Counted = NonNullable<ReturnType<typeof useCount>["data"]>;
