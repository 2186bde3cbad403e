import type { Happening, Usage } from "./chat";

export type Phase = "idle" | "asking" | "streaming" | "done" | "stopped" | "failed";

/** One question and its answer, as far as it has come. */
export interface Progress {
  phase: Phase;
  text: string;
  /** Pieces of text so far: mostly one a token. */
  pieces: number;
  requestId: string | null;
  /** What could still be spent, newest answer. */
  available: number | null;
  clampedTo: number | null;
  usage: Usage | null;
  charged: number | null;
  finish: string | null;
  error: Error | null;
}

export const IDLE: Progress = {
  phase: "idle",
  text: "",
  pieces: 0,
  requestId: null,
  available: null,
  clampedTo: null,
  usage: null,
  charged: null,
  finish: null,
  error: null,
};

/** The progress after something happened. */
export function after(before: Progress, what: Happening): Progress {
  switch (what.kind) {
    case "started": {
      const { requestId, available, clampedTo } = what;
      return { ...before, phase: "streaming", requestId, available, clampedTo };
    }
    case "text":
      return { ...before, text: before.text + what.text, pieces: before.pieces + 1 };
    case "finished":
      return { ...before, finish: what.reason };
    case "usage":
      return { ...before, usage: what.usage };
    case "charged":
      return { ...before, charged: what.charged, available: what.available };
  }
}

const BYTES_PER_TOKEN = 4; // Of English; other scripts have fewer, so that the pieces count more there.

/** The tokens of the answer: exact once the provider has told them, an estimate until then. */
export function completionTokens(progress: Progress): { tokens: number; exact: boolean } {
  if (progress.usage) return { tokens: progress.usage.completionTokens, exact: true };
  const bytes = new TextEncoder().encode(progress.text).length;
  return { tokens: Math.max(progress.pieces, Math.ceil(bytes / BYTES_PER_TOKEN)), exact: false };
}

export function isRunning({ phase }: Progress): boolean {
  return phase === "asking" || phase === "streaming";
}
