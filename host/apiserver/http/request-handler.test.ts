import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { ApiError } from "../../apimachinery/errors.ts";
import { createLogger, type Logger, silentLogger } from "../../apimachinery/log.ts";
import { seededRandom } from "../../apimachinery/random.ts";
import { createMemoryStore } from "../../store/memory-store.ts";
import { type Store, StoreUnavailableError } from "../../store/store.ts";
import type { User } from "../api.ts";
import { createAuthenticator } from "../authentication/request-authenticator.ts";
import { createApiCore } from "../core.ts";
import { MaxInFlight } from "../fairness/max-in-flight.ts";
import { Turns } from "../verbs/turns.ts";
import type { Onlooker } from "./exchange.ts";
import { createRequestHandler, type IncomingRequest } from "./request-handler.ts";
import type { RawResponse } from "./watch-stream.ts";

const USERS = new Map<string, User>([
  ["root", { name: "root", groups: ["system:masters"] }],
  ["alice", { name: "alice", groups: [] }],
]);

/** The handler without a network: a request is a method, a path and a token. */
async function handler(store: Store, log: Logger = silentLogger, onlookers: readonly Onlooker[] = []) {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const { api } = await createApiCore({ store, clock, random, log, tokens: USERS });
  const facts = {
    address: () => "127.0.0.1:6443",
    isReady: () => true,
    gitVersion: "v1.36.2+pintle.0",
    metrics: async () => "",
  };
  const handle = createRequestHandler({
    api,
    random,
    authenticate: createAuthenticator({ tokens: api.tokens, clientCa: "" }),
    facts,
    turns: new Turns(),
    gate: new MaxInFlight({}),
    onlookers,
  });
  return (method: string, url: string, token = "root", more: Partial<IncomingRequest> = {}) =>
    handle({
      method,
      url,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      socket: {},
      takeOver: () => {
        throw new Error("no stream expected");
      },
      onGone: () => {},
      ...more,
    });
}

const maps = "/api/v1/namespaces/default/configmaps";

describe("who may", () => {
  test.each([
    {
      asked: ["GET", "/api/v1/namespaces/w/pods"],
      says: 'pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "w"',
    },
    {
      asked: ["GET", "/api/v1/namespaces/w/pods/x"],
      says: 'pods "x" is forbidden: User "alice" cannot get resource "pods" in API group "" in the namespace "w"',
    },
    {
      asked: ["GET", "/apis/apps/v1/deployments"],
      says: 'deployments.apps is forbidden: User "alice" cannot list resource "deployments" in API group "apps" at the cluster scope',
    },
    {
      asked: ["GET", "/api/v1/namespaces/w/pods/x/log"],
      says: 'pods "x" is forbidden: User "alice" cannot get resource "pods/log" in API group "" in the namespace "w"',
    },
    {
      asked: ["DELETE", "/api/v1/namespaces/w/pods"],
      says: 'pods is forbidden: User "alice" cannot deletecollection resource "pods" in API group "" in the namespace "w"',
    },
    { asked: ["GET", "/metrics"], says: 'forbidden: User "alice" cannot get path "/metrics"' },
  ])("$says", async ({ asked, says }) => {
    const ask = await handler(createMemoryStore());
    const answer = await ask(asked[0]!, asked[1]!, "alice");
    expect(answer?.code).toBe(403);
    expect(JSON.parse(String(answer?.body))).toMatchObject({ message: says, reason: "Forbidden" });
  });

  test("everybody who is known may discover", async () => {
    const ask = await handler(createMemoryStore());
    expect((await ask("GET", "/apis", "alice"))?.code).toBe(200);
    expect((await ask("GET", "/version", "alice"))?.code).toBe(200);
  });
});

describe("the server's own mistakes", () => {
  test.each([
    {
      name: "a bug",
      thrown: new TypeError("x is undefined"),
      code: 500,
      reason: "InternalError",
      logged: "error",
    },
    {
      name: "a full store",
      thrown: new StoreUnavailableError("disk full"),
      code: 503,
      reason: "ServiceUnavailable",
      logged: "warn",
    },
  ])(
    "$name is answered $code and logged, and the next request is served",
    async ({ thrown, code, reason, logged }) => {
      const store = createMemoryStore();
      const lines: string[] = [];
      const ask = await handler(
        store,
        createLogger((line) => lines.push(line), "warn"),
      );
      const { get } = store;
      store.get = () => Promise.reject(thrown);
      const answer = await ask("GET", `${maps}/a`);
      expect([answer?.code, JSON.parse(String(answer?.body)).reason]).toEqual([code, reason]);
      expect(lines.map((line) => line.split(" ")[0])).toEqual([logged]);
      store.get = get;
      expect((await ask("GET", `${maps}/a`))?.code).toBe(404);
    },
  );
});

describe("a body", () => {
  const body = () => Promise.resolve(Buffer.from('{"metadata":{"name":"a"}}'));

  test.each([
    { token: "nobody", code: 401, reads: 0 },
    { token: "alice", code: 403, reads: 1 },
    { token: "root", code: 201, reads: 1 },
  ])("of $token is read $reads times", async ({ token, code, reads }) => {
    const ask = await handler(createMemoryStore());
    let read = 0;
    const counted = () => {
      read++;
      return body();
    };
    const answer = await ask("POST", maps, token, { body: counted });
    expect([answer?.code, read]).toEqual([code, reads]);
  });

  test("that cannot be read is told to those who may send it", async () => {
    const ask = await handler(createMemoryStore());
    const broken = () => Promise.reject(new ApiError("RequestEntityTooLarge", "too large"));
    expect((await ask("POST", maps, "alice", { body: broken }))?.code).toBe(403);
    expect((await ask("POST", maps, "root", { body: broken }))?.code).toBe(413);
  });
});

test("a watch whose client has gone before its answer begins is over", async () => {
  const over: number[] = [];
  const store = createMemoryStore();
  const ask = await handler(store, silentLogger, [{ answered: (_, code) => over.push(code) }]);
  const before = store.metrics().watchers;
  const gone = Object.assign(new PassThrough(), { writeHead: () => {} }).destroy();
  const answer = await ask("GET", `${maps}?watch=1`, "root", {
    takeOver: () => gone as unknown as RawResponse,
    onGone: (listener) => listener(),
  });
  expect([answer, over]).toEqual([undefined, [200]]);
  await expect.poll(() => store.metrics().watchers).toBe(before);
});

test("pretty for people, compact for programs", async () => {
  const ask = await handler(createMemoryStore());
  const as = (agent: string) => ({ headers: { authorization: "Bearer root", "user-agent": agent } });
  const body = async (path: string, agent: string) =>
    String((await ask("GET", path, "root", as(agent)))?.body);
  const path = "/api/v1/namespaces/default";
  expect(await body(path, "curl/8")).toMatch(/^{\n {2}"kind": "Namespace"/);
  expect(await body(path, "kubectl/1.32")).toMatch(/^{"kind":"Namespace",.*}\n$/);
  expect(await body(`${path}?pretty=true`, "kubectl/1.32")).toMatch(/^{\n/);
  expect(await body(`${path}?pretty=false`, "curl/8")).toMatch(/^{"kind"/);
});
