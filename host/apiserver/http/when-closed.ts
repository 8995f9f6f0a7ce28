import { Http2ServerResponse } from "node:http2";

/** Something that ends, and says so once. */
interface Ending {
  readonly closed?: boolean;
  readonly destroyed?: boolean;
  on(event: "close", listener: () => void): unknown;
}

/** Calls back when a stream is over: at once if it is already, since `close` is emitted once and never again. */
export function whenClosed(stream: Ending | Http2ServerResponse, listener: () => void): void {
  // That response knows of its end only by its stream.
  const { closed, destroyed } = (stream instanceof Http2ServerResponse ? stream.stream : stream) as Ending;
  if (closed === true || destroyed === true) listener();
  else (stream as Ending).on("close", listener);
}
