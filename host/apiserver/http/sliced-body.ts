import type { ServerResponse } from "node:http";
import type { Api } from "../api.ts";
import type { Turns } from "../verbs/turns.ts";
import type { Outgoing } from "./request-handler.ts";
import type { RawResponse } from "./watch-stream.ts";
import { whenClosed } from "./when-closed.ts";

/** A client that takes nothing of a large answer for this long is cut (kube-apiserver --request-timeout). */
export const STALL_LIMIT_MS = 60_000;

/** An answer that is made and written slice by slice. */
export interface SlicedOutgoing extends Pick<Outgoing, "code" | "headers"> {
  readonly body: Iterable<Buffer>;
}

/**
 * Writes an answer slice by slice: the next is made when the last has gone out, and after others have had their turn.
 * So a list of any size costs one slice of memory beside what is stored, and delays a short request by one.
 *
 * @param slices  one is not read any more when the next is asked for
 * @returns how many bytes were written
 */
export async function writeSlices(
  api: Pick<Api, "clock" | "log">,
  turns: Turns,
  raw: RawResponse,
  { code, headers, body: slices }: SlicedOutgoing,
): Promise<number> {
  // The compatibility layers type their methods apart, but behave alike.
  const response = raw as ServerResponse;
  let isGone = false;
  let bytes = 0;
  let goOn = () => {};
  whenClosed(raw, () => {
    isGone = true;
    goOn();
  });
  response.on("error", () => {});
  try {
    response.writeHead(code, headers);
    for (const slice of slices) {
      const stalled = api.clock.setTimeout(() => response.destroy(), STALL_LIMIT_MS);
      await new Promise<void>((resolve) => {
        goOn = resolve;
        response.write(slice, () => resolve());
      });
      stalled.cancel();
      bytes += slice.length;
      await turns.next();
      if (isGone) return bytes;
    }
    response.end();
  } catch (error) {
    // The head is out: all that is left is to break off, so that nobody takes half a list for a whole one.
    api.log.error("answer broken off by a mistake of the server", { error: String(error) });
    response.destroy();
  }
  return bytes;
}
