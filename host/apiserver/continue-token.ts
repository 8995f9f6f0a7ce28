import { ApiError, badRequest } from "../apimachinery/errors.ts";

/** Where the next page begins: after `after` (relative to the list's prefix), at `revision` (-1: the newest). */
export interface ContinueToken {
  readonly revision: number;
  readonly after: string;
}

const EXPIRED =
  "The provided continue parameter is too old to display a consistent list result. You can start a new list without " +
  "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. " +
  "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or " +
  "deleted between the time the first chunk was returned and now may show up in the list.";

/** base64url of `{"v":"meta.k8s.io/v1","rv":4279,"start":"/pg1\u0000"}`, as Kubernetes writes it. */
export function encodeContinue({ revision, after }: ContinueToken, slash = "/"): string {
  const token = { v: "meta.k8s.io/v1", rv: revision, start: `${slash}${after}\u0000` };
  return Buffer.from(JSON.stringify(token)).toString("base64url");
}

export function decodeContinue(text: string): ContinueToken {
  const json = Buffer.from(text, "base64url").toString("utf8");
  let token: { v?: unknown; rv?: unknown; start?: unknown };
  try {
    token = JSON.parse(json);
  } catch {
    throw invalid(`invalid character ${goCharacter(json)} looking for beginning of value`);
  }
  if (token?.v !== "meta.k8s.io/v1")
    throw invalid(`server does not recognize this encoded version "${token?.v ?? ""}"`);
  if (typeof token.start !== "string" || token.start === "") throw invalid("encoded start key empty");
  if (!Number.isSafeInteger(token.rv) || token.rv === 0 || (token.rv as number) < -1)
    throw invalid("incorrect encoded start resourceVersion");
  // Both spellings of start are accepted, with and without the leading slash.
  const start = token.start.startsWith("/") ? token.start.slice(1) : token.start;
  const after = start.endsWith("\u0000") ? start.slice(0, -1) : start;
  if (after.split("/").includes("..")) throw invalid("incorrect encoded start key");
  return { revision: token.rv as number, after };
}

/** 410 that carries a token to go on with, at the newest state. */
export function expiredContinue(token: ContinueToken): ApiError {
  const error = new ApiError("Expired", EXPIRED);
  error.status.metadata["continue"] = encodeContinue({ revision: -1, after: token.after }, "");
  return error;
}

function invalid(why: string): ApiError {
  return badRequest(`invalid continue token: continue key is not valid: ${why}`);
}

function goCharacter(text: string): string {
  const first = text.codePointAt(0);
  if (first === undefined) return "' '";
  const character = String.fromCodePoint(first);
  return character === "'" ? `'\\''` : `'${character}'`;
}
