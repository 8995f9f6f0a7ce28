import { SystemClock } from "../../host/apimachinery/clock.ts";
import { silentLogger } from "../../host/apimachinery/log.ts";
import { ServiceModels } from "../../host/proxy/service-models.ts";
import { hostDialer } from "../../host/proxy/traffic/host-dialer.ts";
import { TableTraffic } from "../../host/proxy/traffic/table-traffic.ts";
import { services } from "./shapes.ts";

/** The traffic of a table in a process of its own, as `pintle proxy --mode table` runs it. `node relay-server.js LISTEN-PORT TO-PORT` */
const [listen, to] = process.argv.slice(2).map(Number);
const clock = new SystemClock();
const models = new ServiceModels("*", { allowExternalIps: true });
const traffic = new TableTraffic({
  clock,
  log: silentLogger,
  dialer: hostDialer(clock, silentLogger),
  seed: 1,
  onRefused: (service, why) => console.error(`${service}: ${why}`),
  onBalancer: (service, state) => {
    if (service === "bench/relayed" && state === "open") console.log("ready");
  },
});
const others = [...services(1_000, 10)];
const port = { name: "", protocol: "TCP" };
const own = [
  {
    kind: "Service",
    metadata: { namespace: "bench", name: "relayed" },
    spec: { type: "LoadBalancer", clusterIP: "10.255.0.1", ports: [{ ...port, port: listen! }] },
  },
  {
    kind: "EndpointSlice",
    metadata: {
      namespace: "bench",
      name: "relayed-1",
      labels: { "kubernetes.io/service-name": "relayed" },
    },
    addressType: "IPv4",
    ports: [{ ...port, port: to! }],
    endpoints: [{ addresses: ["127.0.0.1"] }, { addresses: ["127.0.0.2"] }],
  },
];
for (const object of [...others, ...own]) models.apply(traffic.adopt({ type: "ADDED", object }));
await traffic.sync(models, true);
