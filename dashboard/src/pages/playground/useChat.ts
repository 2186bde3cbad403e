import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { chat, Refused, type Question } from "./chat";
import { after, IDLE, type Progress } from "./progress";

/** One question at a time: asks, keeps what comes, and stops when told or when the page is left. */
export function useChat(): { progress: Progress; ask: (question: Question) => Promise<void>; stop: () => void } {
  const queries = useQueryClient();
  const [progress, setProgress] = useState(IDLE);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);

  const ask = async (question: Question) => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    setProgress({ ...IDLE, phase: "asking" });
    try {
      await chat(question, controller.signal, (what) => setProgress((before) => after(before, what)));
      setProgress((before) => ({ ...before, phase: "done" }));
    } catch (cause) {
      if (running.current !== controller) return;
      const error = cause instanceof Error ? cause : new Error(String(cause));
      setProgress((before) =>
        controller.signal.aborted
          ? { ...before, phase: "stopped" }
          : { ...before, phase: "failed", error, requestId: requestOf(error) ?? before.requestId },
      );
    } finally {
      // The balance, the ledger and the request itself are others now.
      await queries.invalidateQueries();
    }
  };
  return { progress, ask, stop: () => running.current?.abort() };
}

function requestOf(error: Error): string | null {
  return error instanceof Refused ? error.requestId : null;
}
