import { expect, test } from "vitest";
import { understood, type Happening } from "./chat";
import { after, completionTokens, IDLE, type Progress } from "./progress";

const event = (chunk: unknown) => understood({ kind: "event", name: "message", data: JSON.stringify(chunk) });
const played = (...all: Happening[]): Progress => all.reduce(after, IDLE);

test("text, the reason of the end and the usage are read from chunks", () => {
  expect(event({ choices: [{ delta: { role: "assistant", content: "" } }] })).toEqual([]);
  expect(event({ choices: [{ delta: { content: "Hi" }, finish_reason: null }] })).toEqual([
    { kind: "text", text: "Hi" },
  ]);
  expect(event({ choices: [{ delta: {}, finish_reason: "length" }], usage: null })).toEqual([
    { kind: "finished", reason: "length" },
  ]);
  expect(event({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } })).toEqual([
    { kind: "usage", usage: { promptTokens: 9, completionTokens: 4 } },
  ]);
});

test("the gateway's comment says what was charged, also below zero; other comments and the end say nothing", () => {
  expect(understood({ kind: "comment", text: "farebox charged=13 available=-5" })).toEqual([
    { kind: "charged", charged: 13, available: -5 },
  ]);
  expect(understood({ kind: "comment", text: "OPENROUTER PROCESSING" })).toEqual([]);
  expect(understood({ kind: "event", name: "message", data: "[DONE]" })).toEqual([]);
});

test("an error within the stream ends it", () => {
  expect(() => event({ error: { message: "The provider broke off.", code: "upstream_error" } })).toThrow(
    "The provider broke off.",
  );
});

test("tokens are an estimate until the usage is there", () => {
  const streaming = played({ kind: "text", text: "Hello there, " }, { kind: "text", text: "you" });
  expect(completionTokens(streaming)).toEqual({ tokens: 4, exact: false });
  const usage = { promptTokens: 9, completionTokens: 6 };
  expect(completionTokens(after(streaming, { kind: "usage", usage }))).toEqual({ tokens: 6, exact: true });
});

test("what is available is as new as the last word of the gateway", () => {
  const started = played({ kind: "started", requestId: "r", available: 900, clampedTo: null });
  expect(started).toMatchObject({ phase: "streaming", available: 900, charged: null });
  expect(after(started, { kind: "charged", charged: 13, available: 987 })).toMatchObject({
    charged: 13,
    available: 987,
  });
});
