import type { OutgoingHttpHeaders } from "node:http";

/** About one connection, or about who asks: never passed on to another server, nor back. */
const OWN_HEADERS =
  /^(:.*|authorization|connection|content-length|host|http2-settings|impersonate-.*|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|x-remote-.*)$/i;

/** What of a request's or an answer's headers goes on. */
export function passedHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): OutgoingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(([name, value]) => value !== undefined && !OWN_HEADERS.test(name)),
  );
}
