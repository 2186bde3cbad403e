import { client } from "../../api/client";
import { ApiError, apiError, unreachable } from "../../api/errors";
import type { Schema } from "../../api/types";
import { SseParser, type SseItem } from "./sse";

export interface Question {
  model: string;
  prompt: string;
  /** Null: as long as the model, or the balance, allows. */
  maxTokens: number | null;
}

export interface Usage {
  promptTokens: number;
  completionTokens: number;
}

/** What happens while an answer comes, in the order in which it does. */
export type Happening =
  | { kind: "started"; requestId: string | null; available: number | null; clampedTo: number | null }
  | { kind: "text"; text: string }
  | { kind: "finished"; reason: string }
  | { kind: "usage"; usage: Usage }
  | { kind: "charged"; charged: number; available: number };

export type Details = Schema<"ErrorDetails">;

/** A request that was refused, with what the meter says about it: what it needs, and what there is. */
export class Refused extends ApiError {
  readonly details: Details;
  readonly requestId: string | null;

  constructor(error: ApiError, details: Details, requestId: string | null) {
    super(error.status, error.code, error.message, error.retryAfter, error.param);
    this.name = "Refused";
    this.details = details;
    this.requestId = requestId;
  }
}

/** Ask, and tell `happened` of everything as it comes. Throws what was refused, what broke, and an abort. */
export async function chat(
  question: Question,
  signal: AbortSignal,
  happened: (what: Happening) => void,
): Promise<void> {
  const { response, stream } = await open(question, signal);
  const { headers } = response;
  happened({
    kind: "started",
    requestId: headers.get("x-request-id"),
    available: numberOf(headers.get("x-farebox-available")),
    clampedTo: numberOf(headers.get("x-farebox-clamped-to")),
  });
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  const parser = new SseParser();
  for (;;) {
    const { done, value } = await reader.read();
    for (const item of parser.push(decoder.decode(value, { stream: !done }))) {
      for (const what of understood(item)) happened(what);
    }
    if (done) return;
  }
}

async function open(question: Question, signal: AbortSignal) {
  const answer = await client
    .POST("/api/v1/playground/chat", {
      parseAs: "stream",
      signal,
      body: {
        model: question.model,
        messages: [{ role: "user", content: question.prompt }],
        stream: true,
        stream_options: { include_usage: true },
        ...(question.maxTokens === null ? {} : { max_completion_tokens: question.maxTokens }),
      },
    })
    .catch((cause: unknown) => {
      throw signal.aborted ? cause : unreachable(cause);
    });
  const { response } = answer;
  if (!response.ok) {
    const details = answer.error?.error.details ?? {};
    throw new Refused(apiError(response, answer.error), details, response.headers.get("x-request-id"));
  }
  if (!answer.data) throw unreachable(new Error("The answer has no body."));
  return { response, stream: answer.data };
}

/** What an item of the stream says. Providers add what they like: what is unknown says nothing. */
export function understood(item: SseItem): Happening[] {
  if (item.kind === "comment") {
    const paid = /^farebox charged=(\d+) available=(-?\d+)$/.exec(item.text);
    return paid ? [{ kind: "charged", charged: Number(paid[1]), available: Number(paid[2]) }] : [];
  }
  if (item.data === "[DONE]") return [];
  const chunk = JSON.parse(item.data) as Chunk;
  if (chunk.error) throw new ApiError(502, chunk.error.code ?? "upstream_error", chunk.error.message ?? "", null);
  const happenings: Happening[] = [];
  const choice = chunk.choices?.[0];
  const text = choice?.delta?.content;
  if (text) happenings.push({ kind: "text", text });
  if (choice?.finish_reason) happenings.push({ kind: "finished", reason: choice.finish_reason });
  if (chunk.usage) {
    const { prompt_tokens, completion_tokens } = chunk.usage;
    happenings.push({
      kind: "usage",
      usage: { promptTokens: prompt_tokens, completionTokens: completion_tokens },
    });
  }
  return happenings;
}

interface Chunk {
  choices?: { delta?: { content?: string | null }; finish_reason?: string | null }[];
  usage?: { prompt_tokens: number; completion_tokens: number } | null;
  error?: { message?: string; code?: string | null };
}

function numberOf(header: string | null): number | null {
  return header === null || header === "" || Number.isNaN(Number(header)) ? null : Number(header);
}
