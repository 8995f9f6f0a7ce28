import { type ChildProcess, fork } from "node:child_process";
import { get as request } from "node:https";
import { join, resolve } from "node:path";
import { readAdmin } from "../../host/security/pki.ts";
import { type Started, startProgram } from "../measuring/process-tree.ts";
import type { Figures, Job, RequestsJob } from "./load.ts";
import type { Access, Asked, Protocol } from "./wire.ts";

/** What the suite starts: the real server, the bare one, and client processes; and the pods that they are given. */
const dist = resolve(import.meta.dirname, "../..");
/** How long a job of requests takes, unless told otherwise. */
export const TURN_MS = 1_000;

export interface Server {
  readonly program: Started;
  readonly access: Access;
  readonly collection: string;
  /** What the next new object is numbered. */
  next: number;
}

async function startServer(script: string, collection: string): Promise<Server> {
  let url = "";
  const program = await startProgram(
    (folder) => [...NODE_FLAGS, join(dist, script), folder],
    (_, output) => {
      url = /listening on (\S+)/.exec(output)?.[1] ?? "";
      return url !== "";
    },
  );
  const admin = readAdmin(join(program.folder, "pki"))!;
  const access = { url, ca: admin.caCert, cert: admin.cert, key: admin.key };
  return { program, access, collection, next: 0 };
}

/** So that memory can be read after a collection; `BENCH_PROFILE=FOLDER` keeps a CPU profile of each server there. */
const profileFolder = process.env["BENCH_PROFILE"];
const NODE_FLAGS = [
  "--expose-gc",
  ...(profileFolder === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`]),
];
export const startPintle = () => startServer("bench/apiserver/server.js", "/api/v1/namespaces/default/pods");
export const startPeer = () => startServer("bench/peers/bare-server.js", "/objects");

/** A client process, for the length of `use`. */
export async function withClient<Result>(
  use: (run: (job: Job) => Promise<Figures>) => Promise<Result>,
): Promise<Result> {
  const child: ChildProcess = fork(join(dist, "bench/apiserver/load.js"));
  const run = (job: Job) =>
    new Promise<Figures>((resolve, reject) => {
      child.once("message", (answer: { done?: Figures; error?: string }) =>
        answer.done === undefined ? reject(new Error(answer.error)) : resolve(answer.done),
      );
      child.send(job);
    });
  try {
    return await use(run);
  } finally {
    child.kill();
  }
}

/** About 3 KiB as JSON, as a pod of a Deployment has when it is created. `$n` stands for its number. */
function pod(): string {
  const env = Array.from({ length: 24 }, (_, i) => ({
    name: `SETTING_NUMBER_${i}`,
    value: `a value of some length, number ${i}, for pod $n`,
  }));
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "pod-$n",
      namespace: "default",
      labels: { app: "web", "pod-template-hash": "5d8f7c9b6d" },
    },
    spec: {
      containers: [
        {
          name: "web",
          image: "registry.example.com/team/web:1.2.3",
          ports: [{ containerPort: 8080, protocol: "TCP" }],
          env,
          resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
          livenessProbe: { httpGet: { path: "/healthz", port: 8080 }, periodSeconds: 10 },
        },
      ],
    },
  });
}

export const POST: Asked = { method: "POST", path: "", type: "application/json", body: pod() };

export function post(server: Server): Asked {
  return { ...POST, path: server.collection };
}

/** The first pod as the server answers it, to be posted under other names. */
export function asStored({ access, collection }: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    const { ca, cert, key } = access;
    const asking = request(
      `${access.url}${collection}/pod-0`,
      { ca, cert, key, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => resolve(Buffer.concat(chunks).toString().replaceAll("pod-0", "pod-$n")));
      },
    );
    asking.on("error", reject);
  });
}

export async function fill(
  run: (job: Job) => Promise<Figures>,
  server: Server,
  pods: number,
  body = POST.body,
): Promise<void> {
  while (server.next < pods) {
    const job = requestsJob(server, "h2", { ...post(server), body }, 64, 201);
    const ms = Math.min(5_000, Math.max(20, (pods - server.next) / 8));
    server.next = (await run({ ...job, ms, first: server.next })).next;
  }
}

export function requestsJob(
  server: Server,
  protocol: Protocol,
  request: Asked,
  inFlight: number,
  expected = 200,
): RequestsJob {
  const { access } = server;
  return { type: "requests", access, protocol, inFlight, request, expected, ms: TURN_MS, first: 0 };
}
