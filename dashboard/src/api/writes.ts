import { useMutation, useQueryClient, type UseMutationResult } from "@tanstack/react-query";
import { useRef } from "react";
import { newIdempotencyKey } from "./client";

/** What a change is sent with: the same key for each try of the same change. */
export interface Sending {
  "Idempotency-Key": string;
}

/**
 * One change by the API. Everything that is on the page is read again afterwards, since a change of a pack shows in
 * the balance, the ledger and the trail alike. A change that failed without an answer keeps its Idempotency-Key, so
 * that trying again can't do it twice; another input, or a success, takes a new one.
 */
export function useWrite<Input, Answer>(
  send: (input: Input, header: Sending) => Promise<Answer>,
): UseMutationResult<Answer, Error, Input> {
  const queries = useQueryClient();
  const last = useRef<{ input: string; key: string } | null>(null);
  return useMutation({
    mutationFn: (input: Input) => {
      const text = JSON.stringify(input);
      if (last.current?.input !== text) last.current = { input: text, key: newIdempotencyKey() };
      return send(input, { "Idempotency-Key": last.current.key });
    },
    onSuccess: async () => {
      last.current = null;
      await queries.invalidateQueries();
    },
  });
}
