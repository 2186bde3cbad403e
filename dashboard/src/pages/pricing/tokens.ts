/** A run of text that tokens begin and end with: one token, or several that share a character. */
export interface Piece {
  text: string;
  /** How many tokens it is; 0 for text whose tokens were not told. */
  tokens: number;
}

/**
 * Cuts a text where its tokens end. They are given in bytes of its UTF-8, and may end within a character (an emoji is
 * often three or four tokens): such tokens make one piece, so that no character is torn apart.
 */
export function piecesOf(text: string, tokens: { start: number; end: number }[]): Piece[] {
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const pieces: Piece[] = [];
  let from = 0;
  let count = 0;
  const cut = (to: number) => {
    if (to > from) pieces.push({ text: decoder.decode(bytes.subarray(from, to)), tokens: count });
    from = to;
    count = 0;
  };
  for (const { start, end } of tokens) {
    if (count === 0 && isBoundary(bytes, start)) cut(start);
    count += 1;
    if (isBoundary(bytes, end)) cut(end);
  }
  if (count === 0) cut(bytes.length);
  else {
    // The list was cut off within a character: what comes of it belongs to the last tokens.
    let to = from + 1;
    while (!isBoundary(bytes, to)) to += 1;
    cut(to);
    cut(bytes.length);
  }
  return pieces;
}

/** Half of a pair that JSON and UTF-8 can't carry becomes the replacement character, here as on the wire. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** Whether a character begins at this byte, or the text ends there. */
function isBoundary(bytes: Uint8Array, at: number): boolean {
  const byte = bytes[at];
  return byte === undefined || (byte & 0xc0) !== 0x80;
}
