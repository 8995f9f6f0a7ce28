import { execFile } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import { runPintle, temporaryFolder } from "../scenarios/pintle-process.ts";
import { hasKubectl, hasPrograms } from "../scenarios/requirements.ts";
import { hasNamespaces } from "../service-table/namespace.ts";

const can = hasNamespaces() && hasKubectl() && hasPrograms("curl");

const MANIFEST = `
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { type: NodePort, ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: "", port: 8080, protocol: TCP }]
endpoints: [{ addresses: ["10.200.0.1"], nodeName: node-1 }, { addresses: ["10.200.0.2"], nodeName: node-1 }]
`;

/** Two programs in the place of pods. */
const PODS = `
import { createServer } from "node:http";
for (const address of ["10.200.0.1", "10.200.0.2"])
  createServer((_, response) => response.end(address + " ")).listen(8080, address);
`;

/** One machine of its own: its API server, its proxy and its pods, and a client beside them. */
const SCRIPT = `
set -e; trap 'kill $(jobs -p) 2>/dev/null' EXIT
ip link set lo up
ip link add eth0 type veth peer name eth1
ip link set eth1 up
for address in 10.200.0.1/32 10.200.0.2/32 192.168.77.1/24; do ip addr add $address dev eth0; done
ip link set eth0 up
ip route add default via 192.168.77.254
"$NODE" "$CLI" up --nodes 1 --store memory --data-dir "$DIR/data" --port 0 >/dev/null 2>&1 &
until [ -e "$KUBECONFIG" ]; do sleep 0.05; done
"$NODE" "$DIR/pods.mjs" >/dev/null 2>&1 &
"$NODE" "$CLI" proxy --mode "$MODE" --hostname-override node-1 >"$DIR/proxy.log" 2>&1 &
proxy=$!
kubectl apply -f "$DIR/web.yaml" >/dev/null
ip=$(kubectl get service web -o jsonpath={.spec.clusterIP})
for try in $(seq 100); do curl -s --max-time 1 http://$ip >/dev/null && break; sleep 0.1; done
for try in $(seq 12); do curl -s --max-time 2 http://$ip; done; echo
curl -s --max-time 2 http://192.168.77.1:30080; echo
kubectl patch endpointslice web-1 --type=json -p '[{"op":"remove","path":"/endpoints/0"}]' >/dev/null
sleep 2.5
for try in $(seq 6); do curl -s --max-time 2 http://$ip; done; echo
curl -s -o /dev/null -w '%{http_code}\\n' 127.0.0.1:10256/healthz
curl -s 127.0.0.1:10249/proxyMode; echo
kill $proxy; wait $proxy || true
"$NODE" "$CLI" proxy --cleanup
curl -s --max-time 1 http://$ip || echo gone
cat "$DIR/proxy.log" >&2
`;

/** `pintle proxy` as a process, and real packets through a real kernel's rules. */
describe.skipIf(!can)("pintle proxy on a node", () => {
  test.each(["iptables", "nftables"])(
    "%s carries connections, follows changes, and cleans up",
    async (mode) => {
      const folder = temporaryFolder();
      try {
        writeFileSync(join(folder, "web.yaml"), MANIFEST);
        writeFileSync(join(folder, "pods.mjs"), PODS);
        const { stdout, stderr } = await promisify(execFile)("unshare", ["-n", "bash", "-c", SCRIPT], {
          timeout: 60_000,
          env: {
            ...process.env,
            NODE: process.execPath,
            CLI: packageFile("dist/host/cli/pintle.js"),
            DIR: folder,
            MODE: mode,
            KUBECONFIG: join(folder, "data", "kubeconfig"),
          },
        });
        const lines = stdout.split("\n").map((line) => [...new Set(line.trim().split(" "))].sort().join(" "));
        expect(lines, stderr).toEqual([
          "10.200.0.1 10.200.0.2",
          expect.stringMatching(/^10\.200\.0\.[12]$/),
          "10.200.0.2",
          "200",
          mode,
          "gone",
          "",
        ]);
        expect(
          stderr.split("\n").filter((line) => /^(warn|error)/.test(line) && !line.includes("sysctl")),
        ).toEqual([]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    60_000,
  );
});

test.each([
  { args: ["--mode", "ipvs"], code: 2, says: /Allowed choices are table, iptables, nftables/ },
  { args: ["--healthz-bind-address", "here"], code: 2, says: /It must be HOST:PORT/ },
  { args: ["--kubeconfig", "/nowhere"], code: 1, says: /^pintle: .*\/nowhere/ },
])("pintle proxy $args fails with a line", async ({ args, code, says }) => {
  const ran = await runPintle(["proxy", ...args]);
  expect(ran.code).toBe(code);
  expect(ran.stderr).toMatch(says);
});
