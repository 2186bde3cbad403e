import { expect, test } from "vitest";
import { piecesOf, wellFormed } from "./tokens";

const cutAt = (...ends: number[]) => ends.map((end, index) => ({ start: ends[index - 1] ?? 0, end }));

test("a text is cut where its tokens end", () => {
  expect(piecesOf("Hello world", cutAt(5, 11))).toEqual([
    { text: "Hello", tokens: 1 },
    { text: " world", tokens: 1 },
  ]);
});

test("ends are bytes, not characters", () => {
  expect(piecesOf("Héllo 世界!", cutAt(3, 6, 10, 13, 14)).map((piece) => piece.text)).toEqual([
    "Hé",
    "llo",
    " 世",
    "界",
    "!",
  ]);
});

test("tokens that share a character are one piece", () => {
  // "👩‍🚀": four bytes, a joiner of three, four bytes; as o200k_base has it.
  const pieces = piecesOf("é 👩‍🚀 ok", cutAt(2, 6, 7, 10, 13, 14, 17));
  expect(pieces).toEqual([
    { text: "é", tokens: 1 },
    { text: " 👩", tokens: 2 },
    { text: "\u200d", tokens: 1 },
    { text: "🚀", tokens: 2 },
    { text: " ok", tokens: 1 },
  ]);
});

test("what was not told stays, as no token", () => {
  expect(piecesOf("one two three", cutAt(3, 7))).toEqual([
    { text: "one", tokens: 1 },
    { text: " two", tokens: 1 },
    { text: " three", tokens: 0 },
  ]);
  expect(piecesOf("🚀 go", cutAt(2))).toEqual([
    { text: "🚀", tokens: 1 },
    { text: " go", tokens: 0 },
  ]);
});

test("nothing is lost, a byte order mark neither", () => {
  for (const text of ["", "\uFEFFa", "a\r\n\tb", "e\u0301"]) {
    const bytes = new TextEncoder().encode(text).length;
    const each = Array.from({ length: bytes }, (_, index) => ({ start: index, end: index + 1 }));
    const pieces = piecesOf(text, each);
    expect(pieces.map((piece) => piece.text).join("")).toBe(text);
    expect(pieces.reduce((sum, piece) => sum + piece.tokens, 0)).toBe(bytes);
  }
});

test("half a pair is replaced, so that bytes are counted as the gateway counts them", () => {
  expect(wellFormed("a\ud83d b 🚀")).toBe("a\ufffd b 🚀");
});
