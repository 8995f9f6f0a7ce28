/** An object is at most 3 MiB on the wire; a longer line is not a watch event. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const NEWLINE = 10;

/**
 * Cuts a stream of bytes into lines, whatever the chunks are: `{"a"` `:1}\n{"b":2}\n` gives two lines.
 *
 * @param onLine  told each line without its end; empty lines are left out
 * @returns       a sink for chunks; it throws when a line grows beyond 16 MiB
 */
export function splitLines(onLine: (line: string) => void): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let partBytes = 0;
  return (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const rest = chunk.subarray(start, end);
      // Whole lines only are decoded, so a character that two chunks share is never torn.
      const line = parts.length === 0 ? rest.toString() : Buffer.concat([...parts, rest]).toString();
      parts = [];
      partBytes = 0;
      start = end + 1;
      if (line !== "") onLine(line);
    }
    if (start === chunk.length) return;
    parts.push(chunk.subarray(start));
    partBytes += chunk.length - start;
    if (partBytes > MAX_LINE_BYTES)
      throw new Error(`a line of the stream is longer than ${MAX_LINE_BYTES} bytes`);
  };
}
