import { parse } from "yaml";
import type { Kind } from "../../host/api/kind.ts";
import type { Field, Schema } from "../../host/apimachinery/schema.ts";
import type { Draw } from "../reference/generator/draw.ts";
import { hostileNumber, hostileText, hostileValue } from "./values.ts";

export type Json = { [name: string]: unknown };

/** Good objects to begin with; what is wrong with a request should not always be the same. */
export const GOOD: Readonly<Record<string, Json>> = Object.fromEntries(
  Object.entries({
    Pod: "{spec: {containers: [{name: c, image: i, ports: [{containerPort: 80}], resources: {requests: {cpu: 1}}}]}}",
    Deployment:
      "{spec: {replicas: 2, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}}",
    StatefulSet:
      "{spec: {serviceName: s, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}}",
    Job: "{spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}",
    CronJob:
      '{spec: {schedule: "* * * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}}',
    Service: "{spec: {selector: {a: b}, ports: [{port: 80, targetPort: http}]}}",
    EndpointSlice: "{addressType: IPv4, endpoints: [{addresses: [10.1.1.1]}], ports: [{port: 80}]}",
    Ingress:
      "{spec: {rules: [{host: a.b, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: s, port: {number: 80}}}}]}}]}}",
    NetworkPolicy: "{spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}}",
    ConfigMap: "{data: {a: b}}",
    Secret: "{stringData: {a: b}}",
    ServiceAccount: "{}",
    ResourceQuota: '{spec: {hard: {pods: "10"}}}',
    LimitRange: "{spec: {limits: [{type: Container, max: {cpu: 1}}]}}",
    PersistentVolumeClaim: "{spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}",
    HorizontalPodAutoscaler:
      "{spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: d}}}",
    PodDisruptionBudget: "{spec: {minAvailable: 50%, selector: {matchLabels: {a: b}}}}",
    Role: '{rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}',
    Lease: '{spec: {holderIdentity: me, leaseDurationSeconds: 15, renewTime: "2026-01-01T00:00:00.000000Z"}}',
    Event: "{involvedObject: {kind: Pod, name: p}, reason: R, type: Normal}",
    CustomResourceDefinition:
      "{spec: {group: x.io, scope: Namespaced, names: {plural: things, kind: Thing}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {n: {type: integer}}, x-kubernetes-validations: [{rule: self.n > 0}]}}}}}]}}",
    PriorityClass: "{value: 5}",
    StorageClass: "{provisioner: p}",
  }).map(([kind, text]) => [kind, parse(text) as Json]),
);

const MOST_FIELDS = 6;
const MOST_ITEMS = 3;

/** An object of the kind: a good one with up to three things wrong with it, or one made up from its schema. */
export function drawObject(draw: Draw, schema: Schema, kind: Kind, name: string): Json {
  const good = GOOD[kind.kind];
  const drawn =
    good === undefined || draw.chance(15)
      ? drawType(draw, schema, kind.type, 4)
      : damaged(draw, schema, kind.type, structuredClone(good));
  const metadata = { ...(isJson(drawn["metadata"]) ? drawn["metadata"] : {}), name };
  return { ...drawn, metadata: draw.chance(10) ? hostileMetadata(draw, metadata) : metadata };
}

function hostileMetadata(draw: Draw, metadata: Json): Json {
  const field = draw.pick([
    "name",
    "namespace",
    "generateName",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "resourceVersion",
    "uid",
    "deletionTimestamp",
    "managedFields",
    "creationTimestamp",
  ]);
  return { ...metadata, [field]: hostileValue(draw) };
}

function damaged(draw: Draw, schema: Schema, type: string, object: Json): Json {
  for (let left = draw.below(4); left > 0; left--) damage(draw, schema, type, object);
  return object;
}

/** Walks to some place in the object, and changes what stands there. */
function damage(draw: Draw, schema: Schema, type: string, object: Json): void {
  const fields = schema.find(type)?.fields ?? [];
  const name = draw.pick(Object.keys(object).length > 0 ? Object.keys(object) : ["spec"]);
  const value = object[name];
  const field = fields.find((one) => one.name === name);
  const inside = Array.isArray(value) ? value.find(isJson) : value;
  if (isJson(inside) && field !== undefined && !field.map && draw.chance(75)) {
    damage(draw, schema, field.type, inside);
    return;
  }
  switch (draw.below(4)) {
    case 0:
      delete object[name];
      return;
    case 1:
      object[name] = hostileValue(draw);
      return;
    case 2:
      object[hostileText(draw)] = hostileValue(draw, 1);
      return;
    default: {
      const added = fields.length === 0 ? undefined : draw.pick(fields);
      if (added !== undefined) object[added.name] = drawField(draw, schema, added, 2);
    }
  }
}

/** Something of the type, mostly of the right form. */
export function drawType(draw: Draw, schema: Schema, type: string, depth: number): Json {
  const fields = schema.find(type)?.fields ?? [];
  return Object.fromEntries(
    draw
      .some(
        fields.filter(({ name }) => name !== "status"),
        MOST_FIELDS,
      )
      .map((field) => [field.name, drawField(draw, schema, field, depth - 1)]),
  );
}

function drawField(draw: Draw, schema: Schema, field: Field, depth: number): unknown {
  if (draw.chance(3)) return hostileValue(draw, 1);
  const one = () => drawOne(draw, schema, field.type, depth);
  if (field.map) return Object.fromEntries(draw.many(MOST_ITEMS, (i) => [`k${i}`, one()]));
  if (field.list) return draw.many(MOST_ITEMS, one);
  return one();
}

function drawOne(draw: Draw, schema: Schema, type: string, depth: number): unknown {
  switch (type) {
    case "string":
      return draw.chance(50) ? draw.pick(["a", "TCP", "Always", "80", "10.0.0.1"]) : hostileText(draw);
    case "bool":
      return draw.chance(50);
    case "bytes":
      return draw.pick(["", "AAAA", "not base64!"]);
    case "int32":
    case "int64":
    case "double":
      return draw.chance(70) ? draw.below(100) : hostileNumber(draw);
    default: {
      const shape = schema.find(type)?.shape;
      if (shape === "quantity") return draw.pick(["1", "100m", "1Gi", "-1", "x", 2, 1e30]);
      if (shape === "time" || shape === "micro-time") return draw.pick(["2026-01-01T00:00:00Z", "x", null]);
      if (shape === "int-or-string") return draw.pick([80, "http", "50%", -1, true]);
      if (shape !== "struct") return hostileValue(draw, 1);
      return depth > 0 ? drawType(draw, schema, type, depth) : {};
    }
  }
}

export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
