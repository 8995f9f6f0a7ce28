import { describe, expect, test } from "vitest";
import { decodeObject } from "./decode.ts";
import { ApiError } from "./errors.ts";
import { decodeProtobuf } from "./protobuf.ts";
import { encodeProtobuf } from "./protobuf-encoder.test-support.ts";
import { type Random, seededRandom } from "./random.ts";
import { type Field, loadSchema, type TypeSchema } from "./schema.ts";

const schema = loadSchema();

const TYPES: Record<string, string> = {
  "v1/ConfigMap": "core.v1.ConfigMap",
  "v1/Namespace": "core.v1.Namespace",
  "v1/Pod": "core.v1.Pod",
  "v1/ResourceQuota": "core.v1.ResourceQuota",
  "v1/Secret": "core.v1.Secret",
  "v1/Service": "core.v1.Service",
  "apps/v1/Deployment": "apps.v1.Deployment",
  "batch/v1/CronJob": "batch.v1.CronJob",
  "networking.k8s.io/v1/Ingress": "networking.v1.Ingress",
  "policy/v1/PodDisruptionBudget": "policy.v1.PodDisruptionBudget",
  "scheduling.k8s.io/v1/PriorityClass": "scheduling.v1.PriorityClass",
};

function decode(bytes: Uint8Array) {
  return decodeProtobuf(schema, bytes, (apiVersion, kind) => TYPES[`${apiVersion}/${kind}`]);
}

/** What kubectl 1.32.4 sent, captured by a logging server, and the object it meant. */
const CAPTURED: readonly [command: string, base64: string, object: object][] = [
  [
    "create configmap c1 --from-literal=a=b",
    "azhzAAoPCgJ2MRIJQ29uZmlnTWFwEhwKEgoCYzESABoAIgAqADIAOABCABIGCgFhEgFiGgAiAA==",
    { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "c1" }, data: { a: "b" } },
  ],
  [
    "create namespace n1",
    "azhzAAoPCgJ2MRIJTmFtZXNwYWNlEhoKEgoCbjESABoAIgAqADIAOABCABIAGgIKABoAIgA=",
    { kind: "Namespace", apiVersion: "v1", metadata: { name: "n1" }, spec: {}, status: {} },
  ],
  [
    "create secret generic s --from-literal=p=q",
    "azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBcxIAGgAiACoAMgA4AEIAEgYKAXASAXEaABoAIgA=",
    { kind: "Secret", apiVersion: "v1", metadata: { name: "s" }, data: { p: "cQ==" } },
  ],
  [
    "create service clusterip s1 --tcp=80:8080",
    "azhzAAoNCgJ2MRIHU2VydmljZRJmCh0KAnMxEgAaACIAKgAyADgAQgBaCQoDYXBwEgJzMRJBChsKBzgwLTgwODASA1RDUBhQIgcIABCQPxoAKAASCQoDYXBwEgJzMRoAIglDbHVzdGVySVA6AEIAUgBaAGAAaAAaAgoAGgAiAA==",
    {
      kind: "Service",
      apiVersion: "v1",
      metadata: { name: "s1", labels: { app: "s1" } },
      spec: {
        ports: [{ name: "80-8080", protocol: "TCP", port: 80, targetPort: 8080 }],
        selector: { app: "s1" },
        type: "ClusterIP",
      },
      status: { loadBalancer: {} },
    },
  ],
  [
    "create deployment web --image=nginx --replicas=2 --port=80",
    "azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50ErgBCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEoYBCAISDAoKCgNhcHASA3dlYhpsChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEkwSLgoFbmdpbngSBW5naW54KgAyCgoAEAAYUCIAKgBCAGoAcgCAAQCIAQCQAQCiAQAaADIAQgBKAFIAWABgAGgAggEAigEAmgEAwgEAIgIKACgAOAAaDAgAEAAYACAAKAA4ABoAIgA=",
    {
      kind: "Deployment",
      apiVersion: "apps/v1",
      metadata: { name: "web", labels: { app: "web" } },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: "web" } },
        template: {
          metadata: { labels: { app: "web" } },
          spec: {
            containers: [{ name: "nginx", image: "nginx", ports: [{ containerPort: 80 }], resources: {} }],
          },
        },
        strategy: {},
      },
      status: {},
    },
  ],
  [
    "create quota q --hard=cpu=1,pods=2",
    "azhzAAoTCgJ2MRINUmVzb3VyY2VRdW90YRIwChEKAXESABoAIgAqADIAOABCABIZCgoKA2NwdRIDCgExCgsKBHBvZHMSAwoBMhoAGgAiAA==",
    {
      kind: "ResourceQuota",
      apiVersion: "v1",
      metadata: { name: "q" },
      spec: { hard: { cpu: "1", pods: "2" } },
      status: {},
    },
  ],
  [
    "create pdb p --selector=a=b --min-available=50%",
    "azhzAAogCglwb2xpY3kvdjESE1BvZERpc3J1cHRpb25CdWRnZXQSNgoRCgFwEgAaACIAKgAyADgAQgASFQoJCAEQABoDNTAlEggKBgoBYRIBYhoKCAAYACAAKAAwABoAIgA=",
    {
      kind: "PodDisruptionBudget",
      apiVersion: "policy/v1",
      metadata: { name: "p" },
      spec: { minAvailable: "50%", selector: { matchLabels: { a: "b" } } },
      status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
    },
  ],
  [
    "create ingress i --rule=a.b/c*=svc:80",
    "azhzAAofChRuZXR3b3JraW5nLms4cy5pby92MRIHSW5ncmVzcxJBChEKAWkSABoAIgAqADIAOABCABIoGiYKA2EuYhIfCh0KGwoCL2MSDSILCgNzdmMSBAoAEFAaBlByZWZpeBoCCgAaACIA",
    {
      kind: "Ingress",
      apiVersion: "networking.k8s.io/v1",
      metadata: { name: "i" },
      spec: {
        rules: [
          {
            host: "a.b",
            http: {
              paths: [
                {
                  path: "/c",
                  backend: { service: { name: "svc", port: { number: 80 } } },
                  pathType: "Prefix",
                },
              ],
            },
          },
        ],
      },
      status: { loadBalancer: {} },
    },
  ],
  [
    "create priorityclass pc --value=5",
    "azhzAAolChRzY2hlZHVsaW5nLms4cy5pby92MRINUHJpb3JpdHlDbGFzcxIwChIKAnBjEgAaACIAKgAyADgAQgAQBRgAIgAqFFByZWVtcHRMb3dlclByaW9yaXR5GgAiAA==",
    {
      kind: "PriorityClass",
      apiVersion: "scheduling.k8s.io/v1",
      metadata: { name: "pc" },
      value: 5,
      preemptionPolicy: "PreemptLowerPriority",
    },
  ],
];

describe("what kubectl sends", () => {
  test.each(CAPTURED)("kubectl %s", (_, base64, object) => {
    expect(decode(Buffer.from(base64, "base64")).object).toEqual(object);
  });
});

describe("bytes that are no object", () => {
  const whole = Buffer.from(CAPTURED[4]![1], "base64");

  test("cut off anywhere: an object or 400, never a hang", () => {
    for (let length = 0; length < whole.length; length++) {
      try {
        decode(whole.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(ApiError);
        expect((error as ApiError).code).toBe(400);
      }
    }
  });

  test("changed anywhere (seed 11): an object or 400", () => {
    const random = seededRandom(11);
    for (let i = 0; i < 3000; i++) {
      const bytes = Buffer.from(whole);
      for (let n = 0; n <= random.below(3); n++)
        bytes[4 + random.below(bytes.length - 4)] = random.below(256);
      try {
        decode(bytes);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        expect(error.code).toBe(400);
      }
    }
  });

  test.each([
    ["nothing", "", "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"],
    ["JSON", "{}xx", "expected prefix [107 56 115 0]"],
    ["a length beyond the end", "k8s\0\x12\x7f", "the object provided is unrecognized: unexpected EOF"],
    ["an endless number", `k8s\0${"\xff".repeat(20)}`, "proto: integer overflow"],
    ["an unknown kind", "k8s\0\x0a\x09\x0a\x02v1\x12\x03Foo", 'no kind "Foo" is registered for version "v1"'],
  ])("%s", (_, bytes, message) => {
    expect(() => decode(Buffer.from(bytes, "latin1"))).toThrow(message);
  });

  test("messages inside messages without end", () => {
    const type = schema.type("apiextensions.v1.JSONSchemaProps");
    const not = type.fields.find((field) => field.name === "not")!.number;
    let message: Buffer = Buffer.alloc(0);
    for (let i = 0; i < 2000; i++) {
      message = Buffer.concat([varint(not * 8 + 2), varint(message.length), message]);
    }
    const raw = Buffer.concat([Buffer.from([0x12]), varint(message.length), message]);
    const bytes = Buffer.concat([Buffer.from("k8s\0"), raw]);
    expect(() => decodeProtobuf(schema, bytes, () => "apiextensions.v1.JSONSchemaProps")).toThrow(
      "nested too deeply",
    );
  });
});

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

describe("a value decodes to the same from protobuf and from JSON, and once decoded stays", () => {
  test.each(
    schema
      .names()
      .filter((name) => schema.type(name).object)
      .map((name, i) => ({ name, seed: i })),
  )("$name, seed $seed", ({ name, seed }) => {
    const random = seededRandom(seed);
    for (let i = 0; i < 3; i++) {
      const value = arbitrary(random, schema.type(name), 0) as Record<string, unknown>;
      const said = { kind: "X", apiVersion: "v1", ...value };
      const where = { kind: "X", version: "v1" };
      const { object } = decodeObject(schema, name, said, where);
      const bytes = encodeProtobuf(schema, name, "v1", "X", value);
      expect(decodeProtobuf(schema, bytes, () => name).object).toEqual(object);
    }
  });
});

const WORDS = ["a", "web", "ü", '{"x":1}', "long".repeat(50)];
const QUANTITIES = ["1", "500m", "1Gi", "0.5", "1e3", "0"];

/** Any value of a type; zero and absent about as often as not. */
function arbitrary(random: Random, type: TypeSchema, depth: number): unknown {
  switch (type.shape) {
    case "struct":
      break;
    case "quantity":
      return QUANTITIES[random.below(QUANTITIES.length)];
    case "int-or-string":
      return random.below(2) === 0 ? random.below(3) : `${random.below(100)}%`;
    case "time":
      return `20${10 + random.below(80)}-0${1 + random.below(9)}-1${random.below(10)}T0${random.below(10)}:00:0${random.below(10)}Z`;
    case "micro-time":
      return `2024-01-01T00:00:00.${String(random.below(1_000_000)).padStart(6, "0")}Z`;
    case "duration":
      return `${random.below(100)}s`;
    case "any":
      return { any: [1, "x", { y: false }] };
    case "strings":
      return ["a", "b"].slice(random.below(2));
    case "schema-or-bool":
      return random.below(2) === 0;
    case "schema-or-array":
      return { type: "string" };
    case "schema-or-strings":
      return ["a"];
  }
  const value: Record<string, unknown> = {};
  for (const field of type.fields) {
    if (depth > 0 && random.below(depth + 2) !== 0) continue;
    if (depth > 6) break;
    value[field.name] = arbitraryField(random, field, depth);
  }
  return value;
}

function arbitraryField(random: Random, field: Field, depth: number): unknown {
  const one = () => arbitraryOne(random, field, depth);
  if (field.map) {
    return Object.fromEntries(["k1", "k2", "constructor"].slice(random.below(3)).map((key) => [key, one()]));
  }
  return field.list ? Array.from({ length: 1 + random.below(2) }, one) : one();
}

function arbitraryOne(random: Random, field: Field, depth: number): unknown {
  switch (field.type) {
    case "string":
      return random.below(4) === 0 ? "" : WORDS[random.below(WORDS.length)];
    case "bool":
      return random.below(2) === 0;
    case "int32":
      return [0, 1, -1, 2147483647, -2147483648, 300][random.below(6)];
    case "int64":
      return [0, 1, -1, 2 ** 53 - 1, -(2 ** 40), 300][random.below(6)];
    case "double":
      return [0, 0.5, -1e300][random.below(3)];
    case "bytes":
      return Buffer.from(WORDS[random.below(WORDS.length)]!).toString("base64");
    default:
      return arbitrary(random, schema.type(field.type), depth + 1);
  }
}
