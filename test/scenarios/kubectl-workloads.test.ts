import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { kubectlCluster } from "./kubectl-cluster.ts";
import { eventually } from "./pintle-process.ts";
import { hasKubectl, hasManifests, MANIFESTS } from "./requirements.ts";

/** The acceptance, as a user does it: the real manifests, the real kubectl, a real `pintle up`. */
const seed = (file: string) => join(MANIFESTS, "seed", file);

describe.skipIf(!hasKubectl() || !hasManifests())("kubectl against pintle up", () => {
  const { cluster, kubectl, ok } = kubectlCluster();

  test("three nodes are ready", async () => {
    const out = await ok("get nodes");
    expect(out.split("\n")[0]).toMatch(/^NAME\s+STATUS\s+ROLES\s+AGE\s+VERSION$/);
    expect(out.match(/\bReady\b/g)).toHaveLength(3);
    expect(await ok("get nodes -o wide")).toMatch(
      /INTERNAL-IP\s+EXTERNAL-IP\s+OS-IMAGE\s+KERNEL-VERSION\s+CONTAINER-RUNTIME/,
    );
  });

  test.each([
    { file: "deployment.yaml", created: ["deployment.apps/demo-deployment created"] },
    { file: "service.yaml", created: ["service/demo-service created"] },
    { file: "nginx-deployment.yaml", created: ["deployment.apps/nginx-deployment created"] },
    { file: "nginx-service.yaml", created: ["service/nginx created"] },
    // kubectl compares the manifest's mounts with the live pod's, where admission has added the token's, and sends a
    // patch that only states their order: it prints "configured", and nothing is written.
    { file: "volume.yaml", created: ["pod/nginx-volume created"], again: "configured" },
  ])(
    "apply $file creates, and again says unchanged",
    async ({ file, created, again: said = "unchanged" }) => {
      expect((await ok(["apply", "-f", seed(file)])).trim().split("\n")).toEqual(created);
      const generation = () =>
        ok(["get", "-f", seed(file), "-o", "jsonpath={.metadata.uid} {.metadata.generation}"]);
      const before = await generation();
      const again = created.map((line) => line.replace("created", said));
      expect((await ok(["apply", "-f", seed(file)])).trim().split("\n")).toEqual(again);
      expect(await generation()).toBe(before);
    },
  );

  test("tutorial.yaml names a field that pods do not have: refused as Kubernetes does, accepted with a warning when asked", async () => {
    const strict = await kubectl(["apply", "-f", seed("tutorial.yaml")]);
    expect(strict.code).toBe(1);
    expect(strict.stderr).toContain(
      'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.template.spec.imagePullPolicy"',
    );
    const lenient = await kubectl(["apply", "--validate=warn", "-f", seed("tutorial.yaml")]);
    expect(lenient.code).toBe(0);
    expect(lenient.stderr).toContain('Warning: unknown field "spec.template.spec.imagePullPolicy"');
    expect(lenient.stdout).toContain("deployment.apps/tutorial created");
    // The field is in the manifest and never in the live object, so kubectl sends it each time.
    const again = await ok(["apply", "--validate=warn", "-f", seed("tutorial.yaml")]);
    expect(again.trim().split("\n")).toEqual([
      "service/tutorial unchanged",
      "deployment.apps/tutorial configured",
    ]);
  });

  test.each(["demo-deployment", "nginx-deployment", "tutorial"])("deployment %s rolls out", async (name) => {
    expect(await ok(`rollout status deployment/${name} --timeout=30s`)).toContain(
      `deployment "${name}" successfully rolled out`,
    );
  });

  test("get all -o wide shows pods, services, deployments and replica sets", async () => {
    await ok("wait --for=condition=Ready pod --all --timeout=30s");
    const out = await ok("get all -o wide");
    expect(out).toMatch(
      /^NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE\s+NOMINATED NODE\s+READINESS GATES$/m,
    );
    expect(out).toMatch(
      /^pod\/demo-deployment-[a-z0-9]+-[a-z0-9]{5}\s+1\/1\s+Running\s+0\s+\S+\s+10\.\d+\.\d+\.\d+\s+node-\d\s+<none>\s+<none>$/m,
    );
    expect(out).toMatch(
      /^service\/demo-service\s+LoadBalancer\s+10\.\d+\.\d+\.\d+\s+\S+\s+8086:3\d{4}\/TCP\s+\S+\s+app=play-k8s$/m,
    );
    expect(out).toMatch(
      /^deployment\.apps\/nginx-deployment\s+2\/2\s+2\s+2\s+\S+\s+nginx\s+nginx:1\.17\.0\s+app=nginx$/m,
    );
    expect(out).toMatch(/^replicaset\.apps\/nginx-deployment-[a-z0-9]+\s+2\s+2\s+2\s/m);
  });

  test("endpoints and slices name the pods' addresses", async () => {
    const out = await eventually(
      () => ok("get endpoints,endpointslices"),
      (text) => /^endpoints\/demo-service\s+10\.\d+\.\d+\.\d+:80,10\.\d+\.\d+\.\d+:80\s/m.test(text),
    );
    expect(out).toMatch(
      /^endpointslice\.discovery\.k8s\.io\/demo-service-[a-z0-9]+\s+IPv4\s+80\s+10\.\d+\.\d+\.\d+,10\./m,
    );
    expect(out).toMatch(/^endpoints\/kubernetes\s+127\.0\.0\.1:\d+\s/m);
  });

  test("describe pod tells its story in events", async () => {
    const out = await eventually(
      () => ok("describe pod nginx-volume"),
      (text) => text.includes("Container started"),
    );
    expect(out).toMatch(/^Node:\s+node-\d\/\d+\.\d+\.\d+\.\d+$/m);
    expect(out).toMatch(
      /Scheduled\s+\S+\s+default-scheduler\s+Successfully assigned default\/nginx-volume to node-\d/,
    );
    expect(out).toMatch(/^QoS Class:\s+BestEffort$/m);
  });

  test("describe deployment shows its replica set", async () => {
    const out = await ok("describe deployment nginx-deployment");
    expect(out).toMatch(/Replicas:\s+2 desired \| 2 updated \| 2 total \| 2 available \| 0 unavailable/);
    expect(out).toMatch(
      /ScalingReplicaSet\s+\S+\s+deployment-controller\s+Scaled up replica set nginx-deployment-[a-z0-9]+ from 0 to 2/,
    );
  });

  test("scale, label, annotate, edit", async () => {
    expect(await ok("scale deployment nginx-deployment --replicas=4")).toBe(
      "deployment.apps/nginx-deployment scaled\n",
    );
    await ok("rollout status deployment/nginx-deployment --timeout=30s");
    expect(await ok("label deployment nginx-deployment tier=web")).toBe(
      "deployment.apps/nginx-deployment labeled\n",
    );
    expect(await ok("annotate deployment nginx-deployment note=hello")).toBe(
      "deployment.apps/nginx-deployment annotated\n",
    );
    const edited = await kubectl("edit deployment nginx-deployment", {
      env: { KUBE_EDITOR: "sed -i s/hello/edited/" },
    });
    expect(edited.stdout).toBe("deployment.apps/nginx-deployment edited\n");
    expect(
      await ok([
        "get",
        "deployment",
        "nginx-deployment",
        "-o",
        "jsonpath={.metadata.annotations.note} {.status.readyReplicas}",
      ]),
    ).toBe("edited 4");
  });

  test("set image rolls over two replica sets, undo goes back", async () => {
    expect(await ok("set image deployment/nginx-deployment nginx=nginx:1.18.0")).toBe(
      "deployment.apps/nginx-deployment image updated\n",
    );
    await ok("rollout status deployment/nginx-deployment --timeout=60s");
    const sets = await ok("get rs -l app=nginx");
    expect(sets.trim().split("\n")).toHaveLength(3);
    expect(await ok("rollout undo deployment/nginx-deployment")).toBe(
      "deployment.apps/nginx-deployment rolled back\n",
    );
    await ok("rollout status deployment/nginx-deployment --timeout=60s");
    expect(await ok(["get", "deployment", "nginx-deployment", "-o", "jsonpath={..image}"])).toBe(
      "nginx:1.17.0",
    );
    const history = await ok("rollout history deployment/nginx-deployment");
    expect(history).toMatch(/^2\s+<none>$/m);
    expect(history).toMatch(/^3\s+<none>$/m);
  });

  test("a killed pod is replaced", async () => {
    const names = () => ok("get pods -l app=play-k8s -o name");
    const before = (await names()).trim().split("\n");
    expect(await ok(`delete ${before[0]}`)).toBe(`${before[0]!.replace("/", ' "')}" deleted\n`);
    const after = await eventually(
      names,
      (text) => text.trim().split("\n").length === 2 && !text.includes(before[0]!),
    );
    expect(after).toContain(before[1]);
  });

  test("get -w prints changes as they come", async () => {
    const watcher = spawn(
      "kubectl",
      ["--kubeconfig", cluster().kubeconfig, "get", "po", "-w", "-l", "run=watched"],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    let seen = "";
    watcher.stdout.on("data", (chunk: Buffer) => {
      seen += chunk;
    });
    try {
      await new Promise((resolve) => setTimeout(resolve, 500));
      await ok("run watched --image=nginx");
      await eventually(
        async () => seen,
        (text) => /^watched\s+1\/1\s+Running/m.test(text),
      );
      expect(seen).toMatch(/^NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE$/m);
      expect(seen).toMatch(/^watched\s+0\/1\s+Pending/m);
    } finally {
      watcher.kill();
    }
  });

  test("get -o yaml is a whole object", async () => {
    const out = await ok("get po nginx-volume -o yaml");
    expect(out).toMatch(/^apiVersion: v1\nkind: Pod\nmetadata:\n/);
    expect(out).toMatch(/^ {2}phase: Running$/m);
    expect(out).toMatch(/^ {4}resources: \{\}$/m);
  });

  test("a pod no node can hold stays Pending, and describe says why", async () => {
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "huge" },
      spec: { containers: [{ name: "c", image: "nginx", resources: { requests: { cpu: "1000" } } }] },
    };
    await ok("apply -f -", JSON.stringify(pod));
    const described = await eventually(
      () => ok("describe pod huge"),
      (text) => text.includes("FailedScheduling"),
    );
    expect(described).toContain(
      "0/3 nodes are available: 3 Insufficient cpu. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
    );
    expect(await ok("get pod huge")).toMatch(/^huge\s+0\/1\s+Pending/m);
    await ok("delete pod huge");
  });

  test("the voting app deploys", async () => {
    await ok(["apply", "-f", join(MANIFESTS, "voting-app")]);
    for (const name of ["db", "redis", "result", "vote", "worker"]) {
      expect(await ok(`rollout status deployment/${name} --timeout=30s`)).toContain(
        "successfully rolled out",
      );
    }
  });

  test("deleting a deployment removes its replica sets and pods", async () => {
    expect(await ok("delete deployment demo-deployment")).toBe('deployment.apps "demo-deployment" deleted\n');
    await eventually(
      () => kubectl("get rs,pods -l app=play-k8s"),
      (ran) => ran.stdout === "" && ran.stderr.includes("No resources found"),
    );
  });

  test("a namespace comes with its ServiceAccount and CA, and goes with everything in it", async () => {
    expect(await ok("create namespace team")).toBe("namespace/team created\n");
    await eventually(
      () => ok("get sa,cm -n team -o name"),
      (text) => text.includes("serviceaccount/default") && text.includes("configmap/kube-root-ca.crt"),
    );
    await ok("create configmap settings --from-literal=a=b -n team");
    expect(await ok("delete namespace team")).toBe('namespace "team" deleted\n');
    expect((await kubectl("get namespace team")).stderr).toContain('namespaces "team" not found');
  });
});
