/** What a stream of server-sent events consists of. */
export type SseItem = { kind: "event"; name: string; data: string } | { kind: "comment"; text: string };

/**
 * Reads server-sent events from text that arrives in any pieces: a piece may end in the middle of a line, of an event,
 * or between the two characters of a line's end.
 */
export class SseParser {
  private rest = "";
  private afterCarriageReturn = false;
  private begun = false;
  private name = "";
  private data: string[] = [];

  push(piece: string): SseItem[] {
    let text = piece;
    if (!this.begun && text !== "") {
      this.begun = true;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    // The second half of "\r\n" came with this piece: the line has ended already.
    if (this.afterCarriageReturn && text !== "") {
      this.afterCarriageReturn = false;
      if (text.startsWith("\n")) text = text.slice(1);
    }
    this.afterCarriageReturn ||= text.endsWith("\r");
    const lines = (this.rest + text).split(/\r\n|\r|\n/);
    this.rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.line(line) ?? []);
  }

  private line(line: string): SseItem | null {
    if (line === "") return this.dispatch();
    if (line.startsWith(":")) return { kind: "comment", text: line.slice(1).replace(/^ /, "") };
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.data.push(value);
    if (field === "event") this.name = value;
    return null;
  }

  private dispatch(): SseItem | null {
    const { name, data } = this;
    this.name = "";
    this.data = [];
    return data.length === 0 ? null : { kind: "event", name: name === "" ? "message" : name, data: data.join("\n") };
  }
}
