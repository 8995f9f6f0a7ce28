import type { ClientHttp2Stream } from "node:http2";
import type { Kind } from "../api/kind.ts";
import { type Clock, SystemClock } from "../apimachinery/clock.ts";
import { ApiError, type Status } from "../apimachinery/errors.ts";
import type { KubernetesObject, ObjectList } from "../apimachinery/object.ts";
import type {
  Client,
  DeleteOptions,
  ListOptions,
  Patch,
  WatchEventType,
  WatchOptions,
  WatchSink,
  WatchStream,
} from "./client.ts";
import { HttpConnection, type HttpConnectionOptions, type HttpRequest } from "./http-connection.ts";
import { splitLines } from "./line-splitter.ts";
import { collectionPath, listQuery, objectPath, watchQuery, writeQuery } from "./paths.ts";

export interface HttpClientOptions extends HttpConnectionOptions {
  readonly clock?: Clock;
}

export interface HttpClient extends Client {
  /** Ends every request and watch. */
  close(): void;
}

/** A server that has not answered in this time has gone away: a request is given up. */
const REQUEST_TIMEOUT_MS = 60_000;
/** How long after its own timeout a watch that the server did not end is given up. */
const WATCH_GRACE_MS = 30_000;

const PATCH_TYPES: Record<Patch["type"], string> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** The Client over HTTPS: JSON over one HTTP/2 session, client certificate or bearer token. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const connection = new HttpConnection(options);
  const clock = options.clock ?? new SystemClock();
  // The server decodes by the same schema that the type was generated from: its answer is taken at its word.
  const call = async <R>(request: HttpRequest): Promise<R> =>
    (await exchange(connection, clock, request)) as R;
  const send = <R>(method: HttpRequest["method"], path: string, body?: unknown, contentType?: string) =>
    call<R>({ method, path, contentType, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });

  return {
    get: (kind, reference, options) => send("GET", objectPath(kind, reference, options?.subresource)),
    list: <T extends KubernetesObject>(kind: Kind<T>, list: ListOptions = {}) =>
      send<ObjectList<T>>("GET", collectionPath(kind, list.namespace) + listQuery(list)),
    watch: (kind, watch, sink) => startWatch(connection, clock, kind, watch, sink),
    create: (kind, object, write = {}) =>
      send("POST", collectionPath(kind, object.metadata?.namespace) + writeQuery(write), object),
    update: (kind, object, write = {}) =>
      send("PUT", objectPath(kind, referenceOf(object), write.subresource) + writeQuery(write), object),
    patch: (kind, reference, patch, write = {}) =>
      send(
        "PATCH",
        objectPath(kind, reference, write.subresource) +
          writeQuery(write, patch.type === "apply" ? patch.force : undefined),
        patch.body,
        PATCH_TYPES[patch.type],
      ),
    delete: (kind, reference, how) => send("DELETE", objectPath(kind, reference), deleteBody(how)),
    deleteCollection: (kind, selection, how) =>
      send("DELETE", collectionPath(kind, selection.namespace) + listQuery(selection), deleteBody(how)),
    createSubresource: (kind, reference, subresource, body) =>
      send("POST", objectPath(kind, reference, subresource), body),
    close: () => connection.close(),
  };
}

function referenceOf(object: KubernetesObject) {
  return { namespace: object.metadata?.namespace, name: object.metadata?.name ?? "" };
}

function deleteBody(options: DeleteOptions = {}): object {
  const { dryRun, ...rest } = options;
  return { kind: "DeleteOptions", apiVersion: "v1", ...rest, ...(dryRun ? { dryRun: ["All"] } : {}) };
}

function exchange(connection: HttpConnection, clock: Clock, request: HttpRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const stream = connection.request(request);
    const timer = clock.setTimeout(() => {
      reject(
        new ApiError("Timeout", `no answer to ${request.method} ${request.path} in ${REQUEST_TIMEOUT_MS} ms`),
      );
      stream.destroy();
    }, REQUEST_TIMEOUT_MS);
    const settle = (then: () => void) => {
      timer.cancel();
      then();
    };
    readAnswer(stream).then(
      (answer) => settle(() => resolve(answer)),
      (error) => settle(() => reject(error)),
    );
  });
}

/** The parsed body of a success; a failure is thrown as ApiError. */
function readAnswer(stream: ClientHttp2Stream): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let code = 0;
    stream.on("response", (headers) => {
      code = headers[":status"] ?? 0;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", (error) => reject(unreachable(error)));
    // `close` alone: the connection ended before the answer did. After `end` it changes nothing.
    stream.on("close", () => reject(unreachable(new Error("the connection was closed"))));
    stream.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      if (code >= 200 && code < 300) {
        try {
          resolve(JSON.parse(text));
        } catch (error) {
          reject(new ApiError("InternalError", `the server's answer is not JSON: ${String(error)}`));
        }
      } else if (code !== 0) reject(failure(code, text));
    });
  });
}

function unreachable(error: Error): ApiError {
  return new ApiError("ServiceUnavailable", error.message);
}

/** The Status a server answered with; anything else (a proxy's page) is quoted. */
function failure(code: number, text: string): ApiError {
  try {
    const body: unknown = JSON.parse(text);
    if (isStatus(body)) return ApiError.fromStatus({ ...body, code: body.code ?? code });
  } catch {
    // Not JSON: quoted below.
  }
  return new ApiError("", `the server answered ${code}: ${text.slice(0, 200)}`, undefined, code);
}

function isStatus(body: unknown): body is Status {
  return typeof body === "object" && body !== null && "kind" in body && body.kind === "Status";
}

function startWatch<T extends KubernetesObject>(
  connection: HttpConnection,
  clock: Clock,
  kind: Kind<T>,
  options: WatchOptions,
  sink: WatchSink<T>,
): WatchStream {
  let over = false;
  let stream: ClientHttp2Stream | undefined;
  const end = (error?: Error) => {
    if (over) return;
    over = true;
    timer?.cancel();
    stream?.destroy();
    sink.onEnd(error);
  };
  const timer =
    options.timeoutSeconds === undefined
      ? undefined
      : clock.setTimeout(() => end(), options.timeoutSeconds * 1000 + WATCH_GRACE_MS);

  const onLine = (line: string) => {
    if (over) return;
    const { type, object } = JSON.parse(line) as { type: WatchEventType | "ERROR"; object: T & Status };
    if (type === "ERROR") end(ApiError.fromStatus(object));
    else sink.onEvent(type, object);
  };
  const start = (opened: ClientHttp2Stream) => {
    stream = opened;
    const split = splitLines(onLine);
    opened.on("response", (headers) => {
      const code = headers[":status"] ?? 0;
      if (code !== 200) {
        const chunks: Buffer[] = [];
        opened.on("data", (chunk: Buffer) => chunks.push(chunk));
        opened.on("end", () => end(failure(code, Buffer.concat(chunks).toString())));
        return;
      }
      opened.on("data", (chunk: Buffer) => {
        try {
          split(chunk);
        } catch (error) {
          end(new ApiError("InternalError", `the watch cannot be read: ${String(error)}`));
        }
      });
      opened.on("end", () => end());
    });
    opened.on("error", (error) => end(unreachable(error)));
    opened.on("close", () => end(unreachable(new Error("the connection was closed"))));
  };
  try {
    start(
      connection.request({
        method: "GET",
        path: collectionPath(kind, options.namespace) + watchQuery(options),
      }),
    );
  } catch (error) {
    // The caller gets its stream first, then the end.
    queueMicrotask(() => end(error instanceof Error ? error : new Error(String(error))));
  }
  return {
    cancel: () => {
      over = true;
      timer?.cancel();
      stream?.destroy();
    },
  };
}
