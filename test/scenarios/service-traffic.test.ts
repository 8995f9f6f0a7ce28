import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../service-traffic/traffic.ts";
import {
  eventually,
  kubectlFor,
  type PintleProcess,
  pintleUp,
  removeFolder,
  run,
  temporaryFolder,
} from "./pintle-process.ts";
import { hasKubectl, hasManifests, hasPrograms, MANIFESTS } from "./requirements.ts";

const can = hasKubectl() && hasManifests() && hasPrograms("curl", "wrk");

/** A Service of type LoadBalancer answers on this machine, as a user sees it: kubectl, curl and wrk against `pintle up`. */
describe.skipIf(!can)("traffic to a Service of pintle up", () => {
  const folder = temporaryFolder();
  let cluster: PintleProcess;
  let kubectl: ReturnType<typeof kubectlFor>;
  let port: number;

  const ok = async (args: string | readonly string[], input?: string) => {
    const ran = await kubectl(args, input === undefined ? {} : { input });
    if (ran.code !== 0) throw new Error(`kubectl ${args} exited ${ran.code}: ${ran.stderr}${ran.stdout}`);
    return ran.stdout;
  };
  const seed = (file: string) => readFileSync(join(MANIFESTS, "seed", file), "utf8");
  /** The seed's Service at a port that is free on this machine. */
  const serviceAt = (number: number) => seed("service.yaml").replace("8086", String(number));
  const answeredBy = async () =>
    /pod default\/(\S+) on node/.exec((await run("curl", ["-s", `http://localhost:${port}`])).stdout)?.[1];

  beforeAll(async () => {
    [port] = (await freePorts(1)) as [number];
    cluster = await pintleUp(join(folder, "data"));
    kubectl = kubectlFor(cluster.kubeconfig, join(folder, "cache"));
    await ok("apply -f -", seed("deployment.yaml"));
    await ok("apply -f -", serviceAt(port));
    await ok("wait --for=jsonpath={.status.loadBalancer.ingress[0].hostname}=localhost service/demo-service");
    await ok("rollout status deployment/demo-deployment");
  });
  afterAll(async () => {
    expect(await cluster?.stop()).toBe(0);
    removeFolder(folder);
  });

  test("curl -I answers 200, both pods are endpoints, and both answer", async () => {
    await eventually(
      () => run("curl", ["-sI", `http://localhost:${port}`]),
      ({ stdout }) => stdout.startsWith("HTTP/1.1 200 OK"),
    );
    const names = (await ok("get pods -o name"))
      .trim()
      .split("\n")
      .map((name) => name.slice("pod/".length));
    expect((await ok("get endpoints demo-service")).match(/:80\b/g)).toHaveLength(2);
    const answers = new Set<string | undefined>();
    for (let i = 0; i < 40 && answers.size < 2; i++) answers.add(await answeredBy());
    expect([...answers].sort()).toEqual(names.sort());
    expect(await ok("get service demo-service")).toMatch(/LoadBalancer\s+\S+\s+localhost\s/);
    const nodePort = await ok("get service demo-service -o jsonpath={.spec.ports[0].nodePort}");
    expect((await run("curl", ["-s", `http://127.0.0.1:${nodePort}`])).stdout).toContain("Hello from pod");
  });

  test("pods that are deleted under load cost no request", async () => {
    const load = run("wrk", ["-t1", "-c16", "-d4s", `http://127.0.0.1:${port}/`]);
    for (let i = 0; i < 2; i++) {
      const victim = (await ok("get pods -o name")).split("\n")[0]!;
      await ok(["delete", victim]);
    }
    const { stdout } = await load;
    expect(stdout).toMatch(/\d+ requests in/);
    expect(stdout).not.toMatch(/Socket errors|Non-2xx/);
  });

  test("without pods connections are reset; a Service that goes closes its port", async () => {
    await ok("scale deployment demo-deployment --replicas=0");
    await ok("wait --for=delete pod -l app=play-k8s");
    await eventually(
      () => run("curl", ["-s", `http://127.0.0.1:${port}`]),
      ({ code }) => code === 56,
    );
    await ok("delete service demo-service");
    await eventually(
      () => run("curl", ["-s", `http://127.0.0.1:${port}`]),
      ({ code }) => code === 7,
    );
    await ok("scale deployment demo-deployment --replicas=2");
  });

  test("a port in use is an event of the Service, and its address stays pending", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => holder.once("listening", resolve));
    const taken = (holder.address() as { port: number }).port;
    await ok("apply -f -", serviceAt(taken));
    const events = await eventually(
      () => ok("get events --field-selector reason=FailedToOpenPort -o jsonpath={.items[*].message}"),
      (text) => text !== "",
    );
    holder.close();
    expect(events).toBe(`127.0.0.1:${taken}/TCP is in use by another program`);
    expect(await ok("get service demo-service")).toMatch(/LoadBalancer\s+\S+\s+<pending>/);
    expect(await ok("describe service demo-service")).toContain("Warning  FailedToOpenPort");
  });
});
