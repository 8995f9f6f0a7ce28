import { isObject } from "./copy.ts";

const CONNECT: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  ETIMEDOUT: "connection timed out",
};

const UNKNOWN_AUTHORITY = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

interface NetworkError extends Error {
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
  readonly errors?: readonly NetworkError[];
  readonly cert?: { readonly subjectaltname?: string };
}

/** What went wrong on the wire, as Go's HTTP client says it: people search for these texts. */
export function goNetworkError(error: Error, url: URL): string {
  const first = (error as NetworkError).errors?.[0] ?? (error as NetworkError);
  const { code = "", address = url.hostname, port = url.port || 443, message } = first;
  if (code in CONNECT) return `dial tcp ${address}:${port}: connect: ${CONNECT[code]}`;
  if (code === "ENOTFOUND") return `dial tcp: lookup ${url.hostname}: no such host`;
  if (code === "EAI_AGAIN") return `dial tcp: lookup ${url.hostname}: server misbehaving`;
  if (code === "ECONNRESET") return message === "socket hang up" ? "EOF" : "read: connection reset by peer";
  if (code === "EPROTO" && message.includes("wrong version number"))
    return "http: server gave HTTP response to HTTPS client";
  const certificate = certificateProblem(first, url);
  return certificate === undefined ? message : `tls: failed to verify certificate: x509: ${certificate}`;
}

function certificateProblem({ code = "", cert }: NetworkError, url: URL): string | undefined {
  if (UNKNOWN_AUTHORITY.has(code)) return "certificate signed by unknown authority";
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID")
    return "certificate has expired or is not yet valid";
  if (code !== "ERR_TLS_CERT_ALTNAME_INVALID") return undefined;
  const names = (cert?.subjectaltname ?? "")
    .split(", ")
    .map((name) => name.replace(/^(DNS|IP Address):/, ""))
    .filter(Boolean);
  return names.length === 0
    ? `certificate is not valid for any names, but wanted to match ${url.hostname}`
    : `certificate is valid for ${names.join(", ")}, not ${url.hostname}`;
}

const BY_CODE: Readonly<Record<number, string>> = {
  400: "the server rejected our request for an unknown reason",
  401: "the server has asked for the client to provide credentials",
  404: "the server could not find the requested resource",
  405: "the server does not allow this method on the requested resource",
  409: "the server reported a conflict",
  422: "the server rejected our request due to an error in our request",
  429: "the server has received too many requests and has asked us to try again later",
  503: "the server is currently unable to handle the request",
  504: "the server was unable to return a response in the time allotted, but may still be processing the request",
};

/** As much of a text as an error shows. */
const MAX_SHOWN_BYTES = 2048;

/** An answer that is no success, as client-go says it. Source: client-go rest.transformResponse. */
export function goAnswerError(code: number, contentType: string, body: Buffer): string {
  const said = statusMessage(body);
  if (said !== undefined) return said;
  if (code in BY_CODE) return BY_CODE[code]!;
  const isText = contentType === "" || contentType.startsWith("text/");
  const text = isText ? body.toString("utf8", 0, MAX_SHOWN_BYTES).trim() : "";
  if (code === 403) return text || "unknown";
  if (code < 500) return `the server responded with the status code ${code} but did not return more details`;
  return `an error on the server (${JSON.stringify(text || "unknown")}) has prevented the request from succeeding`;
}

/** A server may answer with a Status of its own. */
function statusMessage(body: Buffer): string | undefined {
  const status = parsed(body);
  if (!isObject(status) || status["kind"] !== "Status") return undefined;
  const { message } = status;
  return typeof message === "string" && message !== "" ? message : undefined;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
