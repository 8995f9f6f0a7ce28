import { readFileSync } from "node:fs";
import { buildServiceTable } from "pintle/service-table";
import { parseAllDocuments } from "yaml";

const text = readFileSync(new URL("web.yaml", import.meta.url), "utf8");
const objects = parseAllDocuments(text).map((document) => document.toJS());
const table = await buildServiceTable(objects, { clusterCidr: ["10.128.0.0/9"], seed: 1 });

const packets = [
  { source: "10.128.0.5", destination: "10.96.0.7", port: 80, protocol: "TCP", from: "pod" },
  { source: "203.0.113.5", destination: "192.168.0.2", port: 30080, protocol: "TCP", from: "external" },
  { source: "10.128.0.5", destination: "10.96.0.7", port: 443, protocol: "TCP", from: "pod" },
];
for (const [i, verdict] of table.resolve(packets, 0).entries()) {
  const { source, destination, port } = packets[i];
  const where = verdict.action === "dnat" ? ` ${verdict.address}:${verdict.port}` : "";
  console.log(
    `${source} > ${destination}:${port}  ${verdict.action}${where}${verdict.masquerade ? " masquerade" : ""}`,
  );
}

// The pod of this node goes away: one row is written, and nobody is sent there any more.
const slice = structuredClone(objects[2]);
slice.endpoints[0].conditions = { ready: false, serving: true, terminating: true };
table.update([{ type: "MODIFIED", object: slice }]);
const left = new Set(table.resolve(Array(100).fill(packets[0]), 0).map((verdict) => verdict.address));
console.log(`then ${[...left].join(" ")}`);
