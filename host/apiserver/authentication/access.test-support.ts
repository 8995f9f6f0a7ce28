import type { ApiServer } from "../server.ts";
import { type Answered, type Asked, askHttp2, type Identity } from "../server-fixture.ts";

export interface Who {
  readonly username: string;
  readonly uid?: string;
  readonly groups: string[];
  readonly extra?: Record<string, string[]>;
}

export type Headers = Record<string, string | string[]>;

export const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` });

const WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/** Requests to one server. */
export function asker(server: ApiServer, ca: string) {
  const ask = (asked: Asked, identity?: Identity): Promise<Answered> => askHttp2(server, ca, asked, identity);
  /** The user the server takes the request for; else "code message". */
  const who = async (headers: Headers, identity?: Identity): Promise<Who | string> => {
    const answer = await ask({ method: "POST", path: WHOAMI, headers, body: "{}" }, identity);
    const { status, message } = answer.json() as { status: { userInfo: Who }; message?: string };
    return answer.code === 201 ? status.userInfo : `${answer.code} ${message}`;
  };
  /** "METHOD path" with a token: the code, and the message of a refusal. */
  const as = async (token: string, asked: string, body?: object, more: Headers = {}): Promise<string> => {
    const [method = "", path = ""] = asked.split(" ");
    const patch: Headers = method === "PATCH" ? { "content-type": "application/merge-patch+json" } : {};
    const headers = { ...bearer(token), ...patch, ...more };
    const answer = await ask({
      method,
      path,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (answer.code < 400) return String(answer.code);
    return `${answer.code} ${answer.text.startsWith("{") ? answer.json()["message"] : answer.text}`;
  };
  return { ask, who, as };
}
