import type { OutgoingHttpHeaders } from "node:http";
import type { User } from "../api.ts";

/** Whom a request is forwarded for, as extension servers read it. Source: api-policy 2.9, 7.5. */
export function identityHeaders({ name, uid, groups, extra = {} }: User): OutgoingHttpHeaders {
  return {
    "X-Remote-User": encoded(name),
    ...(uid ? { "X-Remote-Uid": encoded(uid) } : {}),
    "X-Remote-Group": groups.map(encoded),
    ...Object.fromEntries(
      Object.entries(extra).map(([key, values]) => [
        `X-Remote-Extra-${encodeURIComponent(key)}`,
        values.map(encoded),
      ]),
    ),
  };
}

/** A header's value is Latin-1 to Node; its bytes are UTF-8 to Go. */
function encoded(text: string): string {
  return Buffer.from(text.replace(/[\r\n\0]/g, " "), "utf8").toString("latin1");
}
