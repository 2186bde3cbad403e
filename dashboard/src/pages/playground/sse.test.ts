import { describe, expect, test } from "vitest";
import { SseParser, type SseItem } from "./sse";

const STREAM =
  'data: {"text":"Grüße 🙂"}\n\n' +
  "event: note\r\ndata: one\r\ndata: two\r\n\r\n" +
  "id: 7\rdata:tight\r\r" +
  ": farebox charged=42 available=999\n\n" +
  "event: empty\n\n" +
  "data: [DONE]\n\n";

const ITEMS: SseItem[] = [
  { kind: "event", name: "message", data: '{"text":"Grüße 🙂"}' },
  { kind: "event", name: "note", data: "one\ntwo" },
  { kind: "event", name: "message", data: "tight" },
  { kind: "comment", text: "farebox charged=42 available=999" },
  { kind: "event", name: "message", data: "[DONE]" },
];

function read(pieces: string[]): SseItem[] {
  const parser = new SseParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

describe("server-sent events", () => {
  test("arrive the same, wherever one cut is", () => {
    for (let cut = 0; cut <= STREAM.length; cut++) {
      expect(read([STREAM.slice(0, cut), STREAM.slice(cut)]), `cut at ${cut}`).toEqual(ITEMS);
    }
  });

  test.each([1, 2, 3, 5, 7])("arrive the same in pieces of %i", (size) => {
    const pieces = Array.from({ length: Math.ceil(STREAM.length / size) }, (_, piece) =>
      STREAM.slice(piece * size, (piece + 1) * size),
    );
    expect(read(pieces)).toEqual(ITEMS);
  });

  test("arrive with empty pieces between the halves of a line's end", () => {
    expect(read(["data: a\r", "", "\n", "\r", "", "\ndata: b\n\n"])).toEqual([
      { kind: "event", name: "message", data: "a" },
      { kind: "event", name: "message", data: "b" },
    ]);
  });

  test("leave a byte order mark and what never ended away", () => {
    expect(read(["\uFEFFdata: a\n\ndata: half"])).toEqual([{ kind: "event", name: "message", data: "a" }]);
  });
});
