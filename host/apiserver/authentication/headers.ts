import type { IncomingHttpHeaders } from "node:http";

/** The headers of a request. `rawHeaders`: names and values in turn, as they came; Node joins repeated ones elsewhere. */
export interface RequestHeaders {
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders?: readonly string[];
}

/** Every value of a header that may come several times; values may hold commas. `name` in lower case. */
export function headerValues({ headers, rawHeaders }: RequestHeaders, name: string): string[] {
  if (headers[name] === undefined) return [];
  if (rawHeaders === undefined) return [headers[name]].flat();
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (rawHeaders[i]!.toLowerCase() === name) values.push(rawHeaders[i + 1]!);
  return values;
}

/** `X-Remote-Extra-scopes: a` as `scopes -> [a]`: keys in lower case and percent-decoded. */
export function extraHeaders(request: RequestHeaders, prefix: string): Record<string, string[]> {
  const extra: Record<string, string[]> = Object.create(null);
  for (const name of Object.keys(request.headers)) {
    if (!name.startsWith(prefix) || name.length === prefix.length) continue;
    extra[decoded(name.slice(prefix.length))] = headerValues(request, name);
  }
  return extra;
}

/** As it is when it does not decode. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
