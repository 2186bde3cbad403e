import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { answered, client } from "../../api/client";
import type { Schema } from "../../api/types";
import type { Question } from "./chat";

const PAUSE_MS = 400; // Between two keys of somebody who types.

/** What a question would hold and cost, counted by the gateway; nothing is held and nothing is charged. */
export function useForecast(question: Question): Schema<"Count"> | undefined {
  const [settled] = useDebouncedValue(question, PAUSE_MS);
  const { model, prompt, maxTokens } = settled;
  const counted = useQuery({
    queryKey: ["playground", "count", model, prompt, maxTokens],
    enabled: model !== "" && prompt.trim() !== "",
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    retry: false,
    queryFn: ({ signal }) =>
      answered(
        client.POST("/api/v1/playground/count", {
          signal,
          body: {
            model,
            messages: [{ role: "user", content: prompt }],
            stream: true,
            ...(maxTokens === null ? {} : { max_completion_tokens: maxTokens }),
          },
        }),
      ),
  });
  return prompt.trim() === "" ? undefined : counted.data;
}

/** The charge of so many tokens of an answer: between that of the prompt alone and that of the longest answer. */
export function chargeAt(forecast: Schema<"Count">, completionTokens: number): number {
  const { prompt_only, longest } = forecast.charge;
  const share = Math.min(1, completionTokens / Math.max(1, forecast.completion_tokens_max));
  return Math.ceil(prompt_only.amount + (longest.amount - prompt_only.amount) * share);
}
