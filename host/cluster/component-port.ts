import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { answerHealth, type HealthCheck, healthQuestion } from "../apimachinery/health.ts";
import type { Logger } from "../apimachinery/log.ts";
import { METRICS_TYPE } from "../apimachinery/metrics/registry.ts";
import { shownCertificate } from "../apiserver/authentication/client-certificate.ts";
import { ANONYMOUS, type DelegatedAccess, type RequestUser } from "../client/delegated-access.ts";
import type { KeyAndCertificate } from "../security/pki.ts";

export interface ComponentPortOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** What is shown, PEM. */
  readonly serving: KeyAndCertificate;
  /** PEM: whose client certificates are believed; absent: nobody's, until `trust` says so. */
  readonly clientCa: string | undefined;
  /** Says who asks and what they may. */
  readonly access: DelegatedAccess;
  /** Paths that anybody may ask for; a `*` at the end stands for anything. */
  readonly alwaysAllowPaths: readonly string[];
  readonly checks: (path: "healthz" | "livez" | "readyz") => readonly HealthCheck[];
  /** Path -> page, as text for Prometheus. */
  readonly pages: Readonly<Record<string, () => string | Iterable<string>>>;
  readonly log: Logger;
}

export interface ComponentPort {
  readonly port: number;
  /** @param clientCa  PEM: whose client certificates are believed from now on, instead of others' */
  trust(clientCa: string): void;
  stop(): Promise<void>;
}

/** Headers and a request line; none of these requests has more to say. */
const REQUEST_LIMIT_MS = 10_000;
const HEALTH = ["healthz", "livez", "readyz"] as const;

/**
 * The port of a component that is no API server: its health and its metrics, over HTTPS, for those whom the API server
 * lets (kube-scheduler's secure port).
 */
export async function openComponentPort(options: ComponentPortOptions): Promise<ComponentPort> {
  const { host, port, serving, clientCa, log } = options;
  const shown = { cert: serving.cert, key: serving.key };
  const server = createServer(
    {
      ...shown,
      requestCert: true,
      // A bad one is answered as Kubernetes does, not cut off.
      rejectUnauthorized: false,
      ...(clientCa === undefined ? {} : { ca: clientCa }),
      requestTimeout: REQUEST_LIMIT_MS,
    },
    (request, response) => {
      serve(options, request, response).catch((error: unknown) => {
        log.warn("not answered", { path: request.url, error: String(error) });
        if (response.headersSent) response.destroy();
        else answer(response, 500, `Internal Server Error: "${pathOf(request)}": ${messageOf(error)}\n`);
      });
    },
  );
  await listen(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    trust: (ca) => server.setSecureContext({ ...shown, ca }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve();
    });
  });
}

async function serve(
  options: ComponentPortOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = pathOf(request);
  const isOpen = options.alwaysAllowPaths.some((open) =>
    open.endsWith("*") ? path.startsWith(open.slice(0, -1)) : path === open,
  );
  if (!isOpen && !(await isAllowed(options, request, response, path))) return;
  if (request.method !== "GET" && request.method !== "HEAD") {
    answer(response, 405, "Method Not Allowed\n");
    return;
  }
  const page = Object.hasOwn(options.pages, path) ? options.pages[path] : undefined;
  if (page !== undefined) {
    await write(response, page());
    return;
  }
  const [, first, single, ...more] = path.split("/");
  const asked = HEALTH.find((one) => one === first);
  const query = new URL(request.url ?? "/", "https://localhost").searchParams;
  const found =
    asked === undefined || more.length > 0
      ? undefined
      : answerHealth(asked, options.checks(asked), healthQuestion(single || undefined, query));
  if (found === undefined) answer(response, 404, "404 page not found\n");
  else answer(response, found.code, found.body);
}

/** Answers those who are not. */
async function isAllowed(
  { access }: ComponentPortOptions,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<boolean> {
  const user = await userOf(access, request);
  if (user === undefined) {
    answer(response, 401, "Unauthorized\n");
    return false;
  }
  const verb = (request.method ?? "GET").toLowerCase();
  if (await access.mayAccess(user, verb, path)) return true;
  answer(response, 403, `forbidden: User "${user.name}" cannot ${verb} path "${path}"\n`);
  return false;
}

/** @returns undefined for credentials that are nobody's */
async function userOf(access: DelegatedAccess, request: IncomingMessage): Promise<RequestUser | undefined> {
  const shown = shownCertificate(request.socket as TLSSocket);
  if (shown !== undefined) return shown.isTrusted ? shown.user : undefined;
  const [, token] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
  return token === undefined ? ANONYMOUS : access.userOf(token);
}

/** Waits for whoever reads slowly: a page of a large cluster is long. */
async function write(response: ServerResponse, page: string | Iterable<string>): Promise<void> {
  response.writeHead(200, { "Content-Type": METRICS_TYPE });
  for (const part of typeof page === "string" ? [page] : page) {
    if (response.destroyed) return;
    if (!response.write(part))
      await new Promise<void>((resolve) => {
        const go = () => {
          response.off("drain", go);
          response.off("close", go);
          resolve();
        };
        response.on("drain", go);
        response.on("close", go);
      });
  }
  response.end();
}

function answer(response: ServerResponse, code: number, body: string): void {
  response.writeHead(code, {
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
  });
  response.end(body);
}

function pathOf({ url = "/" }: IncomingMessage): string {
  return url.split("?")[0]!;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
