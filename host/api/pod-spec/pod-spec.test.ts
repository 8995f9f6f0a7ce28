import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { Job, PersistentVolume, Pod, Secret, Service } from "../registry.ts";
import { createErrors } from "../rule-rows.ts";

const BASE = "containers: [{name: c, image: i}]";

/** A pod whose spec is made of these YAML lines; containers are as in `BASE` unless they say so. */
function pod(spec: string): KubernetesObject {
  const { name = "a", ...rest } = parse(spec) as Record<string, unknown>;
  const metadata = { name: name as string, namespace: "default", uid: "u" };
  return { metadata, spec: { ...(parse(BASE) as object), ...rest } } as KubernetesObject;
}

// Source: api-policy 6.4.
describe("what pods may not ask for", () => {
  test.each<[string, string[]]>([
    ["{os: {name: linux}, securityContext: {runAsUser: 1, seccompProfile: {type: RuntimeDefault}}}", []],
    [
      "{containers: [{name: c, image: i, securityContext: {runAsUser: -1, procMount: Foo}}]}",
      [
        "spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
        'spec.containers[0].securityContext.procMount: Unsupported value: "Foo": supported values: "Default", "Unmasked"',
      ],
    ],
    [
      "{containers: [{name: c, image: i, securityContext: {privileged: true, allowPrivilegeEscalation: false}}]}",
      [
        'spec.containers[0].securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      ],
    ],
    [
      "{securityContext: {seccompProfile: {type: Localhost}, fsGroup: -1}}",
      [
        "spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive",
        "spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
      ],
    ],
    [
      "{securityContext: {seccompProfile: {type: X, localhostProfile: a}}}",
      [
        'spec.securityContext.seccompProfile.type: Unsupported value: "X": supported values: "Localhost", "RuntimeDefault", "Unconfined"',
        'spec.securityContext.seccompProfile.localhostProfile: Invalid value: "a": can only be set when seccomp type is Localhost',
      ],
    ],
    [
      "{securityContext: {sysctls: [{name: A b, value: '1'}, {name: kernel.shm_rmid_forced, value: '1'}, {name: kernel.shm_rmid_forced, value: '0'}]}}",
      [
        'spec.securityContext.sysctls[0].name: Invalid value: "A b": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
        'spec.securityContext.sysctls[2].name: Duplicate value: "kernel.shm_rmid_forced"',
      ],
    ],
    [
      "{shareProcessNamespace: true, hostPID: true}",
      [
        "spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled",
      ],
    ],
    ["{hostUsers: false, hostNetwork: true}", ["spec.hostNetwork: Forbidden: when `hostUsers` is false"]],
    [
      "{os: {name: windows}, securityContext: {runAsUser: 1}, containers: [{name: c, image: i, securityContext: {privileged: true}}]}",
      [
        "spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod",
        "spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod",
      ],
    ],
    [
      "{initContainers: [{name: i, image: i, livenessProbe: {exec: {command: [a]}}}, {name: s, image: i, restartPolicy: Always, livenessProbe: {exec: {command: [a]}}}]}",
      [
        "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
      ],
    ],
    [
      "{containers: [{name: c, image: i, lifecycle: {preStop: {sleep: {seconds: 60}}}}]}",
      [
        "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 60: must be non-negative and less than terminationGracePeriodSeconds (30)",
      ],
    ],
    [
      "{terminationGracePeriodSeconds: 90, containers: [{name: c, image: i, lifecycle: {preStop: {sleep: {seconds: 60}}}}]}",
      [],
    ],
    [
      "{resourceClaims: [{name: b, resourceClaimName: x}, {name: a, resourceClaimName: y}], containers: [{name: c, image: i, resources: {claims: [{name: a}, {name: zz}]}}]}",
      [
        'spec.containers[0].resources.claims[1]: Not found: "zz": must be one of the names in pod.spec.resourceClaims: a, b',
      ],
    ],
    [
      "{resourceClaims: [{name: a}]}",
      [
        'spec.resourceClaims[0]: Invalid value: {"Name":"a","ResourceClaimName":null,"ResourceClaimTemplateName":null}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
      ],
    ],
    [
      "{resources: {requests: {cpu: '1'}}, containers: [{name: c, image: i, resources: {requests: {cpu: '1500m'}}}, {name: d, image: i, resources: {requests: {cpu: 500m}}}]}",
      [
        'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2',
      ],
    ],
    [
      "{hostAliases: [{ip: x, hostnames: [A_b, ok]}]}",
      [
        'spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        expect.stringMatching(/^spec\.hostAliases\[0\]\.hostnames\[0\]: Invalid value: "A_b": a lowercase/),
      ] as string[],
    ],
    [
      "{ephemeralContainers: [{name: e, image: i, ports: [{containerPort: 80}]}]}",
      [
        "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
        "spec.ephemeralContainers: Forbidden: cannot be set on create",
      ],
    ],
  ])("%s", (spec, wants) => {
    expect(createErrors(Pod as never, pod(spec))).toEqual(wants);
  });
});

const NULL = "a null labelSelector results in matching no pod";

// Source: api-policy 6.5.
describe("what is worth a warning", () => {
  test.each<[string, string[]]>([
    ["{}", []],
    [
      "{name: a.b}",
      [
        "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
      ],
    ],
    [
      "{containers: [{name: c, image: i, env: [{name: A, value: x}, {name: A, value: y}, {name: A, value: $(A)z}]}]}",
      ['spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply'],
    ],
    [
      "{containers: [{name: c, image: i, ports: [{containerPort: 80}, {containerPort: 80, protocol: UDP}, {containerPort: 80}]}]}",
      ["spec.containers[0].ports[2]: duplicate port definition with spec.containers[0].ports[0]"],
    ],
    [
      "{containers: [{name: c, image: i, resources: {requests: {memory: 1m, cpu: 1m}, limits: {memory: 1Mi}}}]}",
      [
        'spec.containers[0].resources.requests[memory]: fractional byte value "1m" is invalid, must be an integer',
      ],
    ],
    [
      "{nodeSelector: {beta.kubernetes.io/os: linux}, imagePullSecrets: [{name: ''}]}",
      [
        'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
        'spec.imagePullSecrets[0].name: invalid empty name ""',
      ],
    ],
    [
      "{topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}",
      [`spec.topologySpreadConstraints[0].labelSelector: ${NULL}`],
    ],
    [
      "{affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone}]}}}",
      [
        `spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: ${NULL}`,
      ],
    ],
  ])("%s", (spec, wants) => {
    const one = pod(spec);
    Pod.defaults?.(one as never);
    expect(Pod.warnings?.(one as never)).toEqual(wants);
  });

  test("a name is looked at once, and in a template what its pods will have", () => {
    const template = pod("{nodeSelector: {beta.kubernetes.io/arch: x}}");
    const job = { metadata: { name: "a.b" }, spec: { template } };
    const arch =
      'spec.template.spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use "kubernetes.io/arch" instead';
    expect(Job.warnings?.(job as never, job as never)).toEqual([arch]);
    expect(Job.warnings?.(job as never)).toEqual([
      "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
      arch,
    ]);
  });
});

describe("warnings of other kinds", () => {
  const pem = Buffer.from("-----BEGIN CERTIFICATE-----").toString("base64");
  test.each<[{ kind: string; warnings?(object: never): string[] }, object, string[]]>([
    [
      Service,
      {
        spec: {
          clusterIP: "None",
          externalName: "x",
          externalIPs: ["1.2.3.4"],
          sessionAffinity: "ClientIP",
          trafficDistribution: "PreferClose",
        },
      },
      [
        "spec.externalIPs is ignored for headless services",
        "spec.SessionAffinity is ignored for headless services",
        'spec.externalName is ignored when spec.type is not "ExternalName"',
        'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
      ],
    ],
    [Service, { spec: { type: "ExternalName", externalName: "x" } }, []],
    [
      PersistentVolume,
      { spec: { persistentVolumeReclaimPolicy: "Recycle" } },
      [
        "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
      ],
    ],
    [
      Secret,
      { type: "kubernetes.io/tls", data: { "tls.crt": "eA==", "tls.key": "eA==" } },
      ["tls: failed to find any PEM data in certificate input"],
    ],
    [
      Secret,
      { type: "kubernetes.io/tls", data: { "tls.crt": pem, "tls.key": "eA==" } },
      ["tls: failed to find any PEM data in key input"],
    ],
    [Secret, { type: "kubernetes.io/tls", data: { "tls.crt": pem, "tls.key": pem } }, []],
  ])("$0.kind %j", (kind, object, wants) => {
    expect(kind.warnings?.(object as never)).toEqual(wants);
  });
});
