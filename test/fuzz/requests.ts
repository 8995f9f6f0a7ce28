import { gzipSync } from "node:zlib";
import { stringify } from "yaml";
import type { Kind } from "../../host/api/kind.ts";
import { KINDS } from "../../host/api/registry.ts";
import type { Random } from "../../host/apimachinery/random.ts";
import type { Schema } from "../../host/apimachinery/schema.ts";
import { Draw } from "../reference/generator/draw.ts";
import { drawObject, drawType, GOOD, isJson, type Json } from "./objects.ts";
import { deep, hostileText, hostileValue } from "./values.ts";

export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: Buffer;
}

/** What a run is about: requests stay in this namespace, or try to leave it. */
export const NAMESPACE = "fuzz";

const NAMES = ["a", "b", "c"];
/** Kinds that good objects are known of; what they create is there for later requests. */
const USUAL = KINDS.filter(({ kind }) => kind in GOOD);
const METHODS = ["GET", "GET", "POST", "POST", "PUT", "PATCH", "PATCH", "DELETE"];
const ODD_METHODS = ["HEAD", "OPTIONS", "TRACE", "PROPFIND", "LOCK"];
const JSON_TYPE = "application/json";
const PATCH_TYPES = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
];

/** One request: a path, a query, headers and a body, each of them good more often than not. */
export function drawRequest(random: Random, schema: Schema): FuzzRequest {
  const draw = new Draw(random);
  const method = draw.chance(3) ? draw.pick(ODD_METHODS) : draw.pick(METHODS);
  const kind = draw.pick(draw.chance(60) ? USUAL : KINDS);
  const name = draw.pick(NAMES);
  const path = drawPath(draw, kind, method, name);
  const query = draw.chance(50) ? "" : drawQuery(draw, method);
  const headers: Record<string, string> = draw.chance(15) ? drawHeaders(draw) : {};
  const sends = ["POST", "PUT", "PATCH"].includes(method) || (method === "DELETE" && draw.chance(40));
  if (!sends) return { method, path: path + query, headers };
  const { type, body } = drawBody(draw, schema, kind, method, name);
  return { method, path: path + query, headers: { "content-type": type, ...headers }, body };
}

function drawPath(draw: Draw, kind: Kind, method: string, name: string): string {
  if (draw.chance(4))
    return draw.pick(["/", "/api", "/apis", "/version", "/openapi/v3", "/metrics", "//", `/${part(draw)}`]);
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const namespace =
    kind.namespaced && draw.chance(92) ? [`namespaces`, draw.chance(90) ? NAMESPACE : part(draw)] : [];
  const named = draw.chance(method === "POST" ? 10 : method === "GET" ? 70 : 95);
  const subresource = named && draw.chance(12);
  const parts = [
    ...namespace,
    draw.chance(97) ? kind.plural : part(draw),
    ...(named ? [draw.chance(90) ? name : part(draw)] : []),
    ...(subresource
      ? [draw.pick([...kind.subresources.map((one) => one.name), "status", "scale", "exec", "nope"])]
      : []),
    ...(draw.chance(2) ? [part(draw)] : []),
  ];
  return `${root}/${parts.join("/")}`;
}

/** As part of a path: escaped, or as it is where HTTP lets it through. */
function part(draw: Draw): string {
  const text = hostileText(draw).slice(0, 2_000);
  return draw.chance(70) ? escaped(text) : text.replace(/[^!-~]|[#?]/g, "");
}

/** Half of a pair of UTF-16 has no escaped form. */
function escaped(text: string): string {
  return encodeURIComponent(text.replace(/[\ud800-\udfff]/g, ""));
}

const SELECTOR_PARTS = [
  "a",
  "b",
  "=",
  "==",
  "!=",
  " in ",
  " notin ",
  "(",
  ")",
  ",",
  "!",
  "metadata.name",
  "status.phase",
  " ",
  "/",
  "exists",
];

function drawQuery(draw: Draw, method: string): string {
  const values: Readonly<Record<string, () => string>> = {
    limit: () => draw.pick(["1", "0", "-1", "x", "99999999999999999999", "500"]),
    continue: () => drawToken(draw),
    // One from the future is waited for, three seconds long.
    resourceVersion: () =>
      draw.chance(2) ? "99999999999999999999" : draw.pick(["0", "1", "-1", "x", "", "5"]),
    resourceVersionMatch: () => draw.pick(["Exact", "NotOlderThan", "x", ""]),
    labelSelector: () => draw.many(8, () => draw.pick(SELECTOR_PARTS)).join(""),
    fieldSelector: () => draw.many(6, () => draw.pick(SELECTOR_PARTS)).join(""),
    dryRun: () => draw.pick(["All", "all", "", "None"]),
    fieldValidation: () => draw.pick(["Strict", "Warn", "Ignore", "x"]),
    fieldManager: () => draw.pick(["m", "m".repeat(200), "\u0007", ""]),
    force: () => draw.pick(["true", "false", "x"]),
    pretty: () => draw.pick(["true", "x"]),
    timeout: () => draw.pick(["1s", "x", "-1s", "99999h"]),
    gracePeriodSeconds: () => draw.pick(["0", "-5", "x", "9999999999"]),
    propagationPolicy: () => draw.pick(["Orphan", "Foreground", "Background", "x"]),
    tailLines: () => draw.pick(["-1", "0", "x"]),
    includeObject: () => draw.pick(["None", "Object", "x"]),
  };
  const names = draw
    .some([...Object.keys(values), "__proto__", "watch"], 4)
    .filter((name) => name !== "watch" || method !== "GET");
  const textOf = (name: string) => (Object.hasOwn(values, name) ? values[name]!() : hostileText(draw));
  const words = names.map((name) => `${name}=${escaped(textOf(name).slice(0, 3_000))}`);
  if (draw.chance(3)) words.push(draw.pick(["%zz", "%", "a=%ff", "&&&", "=".repeat(500)]));
  return words.length === 0 ? "" : `?${words.join("&")}`;
}

function drawToken(draw: Draw): string {
  const inside = draw.pick([
    { v: "meta.k8s.io/v1", rv: 5, start: "a\u0000" },
    { v: "meta.k8s.io/v1", rv: -5, start: "../../secrets/" },
    { v: "meta.k8s.io/v1", rv: 2 ** 60, start: "" },
    { v: "v9", rv: "x", start: 1 },
    hostileValue(draw, 2),
  ]);
  const token = Buffer.from(JSON.stringify(inside) ?? "").toString("base64");
  return draw.chance(70) ? token : token.slice(draw.below(token.length));
}

function drawHeaders(draw: Draw): Record<string, string> {
  const printable = () =>
    hostileText(draw)
      .replace(/[^ -~]/g, "")
      .slice(0, 1_000);
  return Object.fromEntries(
    draw
      .some<() => [string, string]>(
        [
          () => [
            "accept",
            draw.pick([
              "application/json;as=Table;v=v1;g=meta.k8s.io",
              "application/yaml",
              "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
              "text/html",
              "application/vnd.kubernetes.protobuf",
              "*/*;q=x",
              printable(),
            ]),
          ],
          () => ["accept-encoding", draw.pick(["gzip", "br", "gzip;q=0", printable()])],
          () => ["user-agent", printable()],
          () => ["if-none-match", printable()],
          () => ["impersonate-user", draw.pick(["jane", "", printable()])],
          () => ["impersonate-group", printable()],
          () => ["impersonate-extra-__proto__", "x"],
          () => ["x-remote-user", "admin"],
          () => ["audit-id", printable()],
          () => ["content-encoding", draw.pick(["gzip", "identity", "nope"])],
          () => [
            "content-type",
            draw.pick(["application/cbor", "text/plain", "application/json; charset=latin1", printable()]),
          ],
        ],
        3,
      )
      .map((make) => make()),
  );
}

function drawBody(
  draw: Draw,
  schema: Schema,
  kind: Kind,
  method: string,
  name: string,
): { type: string; body: Buffer } {
  if (draw.chance(4)) return { type: JSON_TYPE, body: Buffer.from(deep(draw)) };
  if (method === "DELETE")
    return jsonBody(
      draw,
      JSON_TYPE,
      draw.chance(60) ? drawType(draw, schema, "meta.DeleteOptions", 3) : hostileValue(draw),
    );
  if (method === "PATCH") return drawPatch(draw, schema, kind, name);
  const version = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  const object: Json = draw.chance(3)
    ? (hostileValue(draw) as Json)
    : { apiVersion: version, kind: kind.kind, ...drawObject(draw, schema, kind, name) };
  if (draw.chance(4)) return protobuf(draw, version, kind.kind);
  if (draw.chance(6)) return { type: "application/yaml", body: Buffer.from(yamlOf(draw, object)) };
  return jsonBody(draw, JSON_TYPE, object);
}

/** A list of aliases that doubles with every line: small on the wire, huge when it is read naively. */
const BOMB = [
  "a0: &a0 [x, x]",
  ...Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`),
].join("\n");

function yamlOf(draw: Draw, object: unknown): string {
  return draw.chance(15) ? BOMB : stringify(object, { aliasDuplicateObjects: false });
}

function protobuf(draw: Draw, apiVersion: string, kind: string): { type: string; body: Buffer } {
  const field = (number: number, bytes: Buffer) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length & 0x7f]), bytes.subarray(0, 127)]);
  const meta = Buffer.concat([field(1, Buffer.from(apiVersion)), field(2, Buffer.from(kind))]);
  const raw = Buffer.from(draw.many(120, () => draw.below(256)));
  const body = Buffer.concat([Buffer.from("k8s\0"), field(1, meta), field(2, raw)]);
  return {
    type: "application/vnd.kubernetes.protobuf",
    body: draw.chance(80) ? body : body.subarray(0, draw.below(body.length)),
  };
}

function jsonBody(draw: Draw, type: string, value: unknown): { type: string; body: Buffer } {
  const text = Buffer.from(JSON.stringify(value) ?? "");
  switch (draw.chance(8) ? draw.below(5) : -1) {
    case 0:
      return { type, body: text.subarray(0, draw.below(text.length + 1)) };
    case 1:
      return { type, body: Buffer.concat([text, Buffer.from(draw.pick(["}", "x", " ", "{}", "\u0000"]))]) };
    case 2:
      return { type, body: gzipSync(text) };
    case 3:
      return {
        type,
        body: Buffer.from(text.toString().replace('"metadata":', '"metadata":{"name":"twice"},"metadata":')),
      };
    case 4:
      return {
        type,
        body: Buffer.from(text.toString().replace(/"([a-z]+)":/, '"__proto__":{"polluted":true},"$1":')),
      };
    default:
      return { type, body: text };
  }
}

function drawPatch(draw: Draw, schema: Schema, kind: Kind, name: string): { type: string; body: Buffer } {
  const type = draw.pick(PATCH_TYPES);
  if (draw.chance(4)) return jsonBody(draw, type, hostileValue(draw));
  if (type === PATCH_TYPES[0]) {
    const count = draw.chance(2) ? 10_001 : draw.below(5);
    return jsonBody(
      draw,
      type,
      Array.from({ length: count }, () => jsonPatchStep(draw)),
    );
  }
  const object = drawObject(draw, schema, kind, name);
  if (type === PATCH_TYPES[2] && draw.chance(50)) addDirective(draw, object);
  if (type !== PATCH_TYPES[3]) return jsonBody(draw, type, object);
  const version = kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;
  return { type, body: Buffer.from(yamlOf(draw, { apiVersion: version, kind: kind.kind, ...object })) };
}

function jsonPatchStep(draw: Draw): unknown {
  if (draw.chance(5)) return hostileValue(draw);
  const pointer = () =>
    draw.pick([
      "",
      "/",
      "/spec",
      "/metadata/labels/a",
      "/metadata/name",
      "/spec/replicas",
      "/spec/containers/0",
      "/spec/containers/-",
      "/spec/containers/99999999",
      "/a~2b",
      "/__proto__/polluted",
      "/constructor/prototype/x",
      "x",
      "/metadata/annotations/a~1b",
    ]);
  return {
    op: draw.pick(["add", "remove", "replace", "move", "copy", "test", "nope"]),
    path: pointer(),
    ...(draw.chance(30) ? { from: pointer() } : {}),
    ...(draw.chance(70) ? { value: hostileValue(draw, 2) } : {}),
  };
}

function addDirective(draw: Draw, object: Json): void {
  const spec = object["spec"];
  if (!isJson(spec)) return;
  const directives: Json = {
    $patch: draw.pick(["replace", "delete", "merge", "x", 1]),
    $retainKeys: draw.pick([["a"], "x", [1], []]),
    "$setElementOrder/containers": draw.pick([[{ name: "c" }], [{}], "x", [null], [1]]),
    "$deleteFromPrimitiveList/finalizers": draw.pick([["a"], "x", [{}]]),
  };
  for (const name of draw.some(Object.keys(directives), 3)) spec[name] = directives[name];
}
