import type { V1Container, V1Pod, V1PodSpec, V1SecurityContext } from "../../../api/generated/types.ts";
import { quoted, quotedFields } from "./words.ts";

/** What is wrong with a pod by one check: `reason (detail)`. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

/** One rule of the Pod Security Standards. Source: k8s.io/pod-security-admission/policy; texts: api-policy 4.6. */
export interface Check {
  readonly id: string;
  /** The first minor version of Kubernetes that has it. */
  readonly since?: number;
  /** Checks it stands for at its level. */
  readonly replaces?: readonly string[];
  check(pod: V1Pod, minor: number): Violation | undefined;
}

export function containersOf({ spec }: V1Pod): V1Container[] {
  const ephemeral = (spec?.ephemeralContainers ?? []) as readonly V1Container[];
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...ephemeral];
}

/** Names of the containers for which it holds. */
export function containersWith(pod: V1Pod, holds: (container: V1Container) => boolean): string[] {
  return containersOf(pod)
    .filter(holds)
    .map(({ name }) => name);
}

function violation(reason: string, details: readonly string[]): Violation | undefined {
  return details.length === 0 ? undefined : { reason, detail: details.join("; ") };
}

/** `pod must not …`, `containers "a", "b" must not …` of whatever breaks a rule. */
function subject(podBreaks: boolean, containers: readonly string[]): string[] {
  return [...(podBreaks ? ["pod"] : []), ...(containers.length > 0 ? [quoted("container", containers)] : [])];
}

function mustNot(podBreaks: boolean, containers: readonly string[], rest: string): string[] {
  const who = subject(podBreaks, containers);
  return who.length === 0 ? [] : [`${who.join(" and ")} must not ${rest}`];
}

const contextOf = (container: V1Container): V1SecurityContext => container.securityContext ?? {};

const APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/";

const appArmorProfile: Check = {
  id: "appArmorProfile",
  check: (pod) => {
    const allowed = ["RuntimeDefault", "Localhost"];
    const isBad = (type: string | undefined) => type !== undefined && !allowed.includes(type);
    const podType = pod.spec?.securityContext?.appArmorProfile?.type;
    const bad = containersWith(pod, (one) => isBad(contextOf(one).appArmorProfile?.type));
    const types = [podType, ...containersOf(pod).map((one) => contextOf(one).appArmorProfile?.type)].filter(
      isBad,
    );
    const annotations = Object.entries(pod.metadata?.annotations ?? {})
      .filter(([key]) => key.startsWith(APPARMOR_ANNOTATION))
      .filter(([, value]) => value !== "" && value !== "runtime/default" && !value.startsWith("localhost/"))
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .sort();
    const values = [...new Set(types)]
      .map((type) => JSON.stringify(type))
      .sort()
      .join(", ");
    return violation(
      annotations.length + types.length > 1 ? "forbidden AppArmor profiles" : "forbidden AppArmor profile",
      [
        ...mustNot(isBad(podType), bad, `set AppArmor profile type to ${values}`),
        ...(annotations.length > 0
          ? [`${annotations.length > 1 ? "annotations" : "annotation"} ${annotations.join(", ")}`]
          : []),
      ],
    );
  },
};

const DEFAULT_CAPABILITIES = new Set([
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
]);

/** `container "c" must not include "SYS_ADMIN" in securityContext.capabilities.add` */
function forbiddenCapabilities(pod: V1Pod, isAllowed: (capability: string) => boolean): string[] {
  const added = (container: V1Container) =>
    (contextOf(container).capabilities?.add ?? []).filter((one) => !isAllowed(one));
  const names = containersWith(pod, (one) => added(one).length > 0);
  const capabilities = [...new Set(containersOf(pod).flatMap(added))]
    .sort()
    .map((one) => JSON.stringify(one));
  return mustNot(false, names, `include ${capabilities.join(", ")} in securityContext.capabilities.add`);
}

const capabilitiesBaseline: Check = {
  id: "capabilities_baseline",
  check: (pod) =>
    violation(
      "non-default capabilities",
      forbiddenCapabilities(pod, (one) => DEFAULT_CAPABILITIES.has(one)),
    ),
};

const hostNamespaces: Check = {
  id: "hostNamespaces",
  check: ({ spec }) => {
    const used = (["hostNetwork", "hostPID", "hostIPC"] as const).filter((name) => spec?.[name] === true);
    if (used.length === 0) return undefined;
    return { reason: "host namespaces", detail: used.map((name) => `${name}=true`).join(", ") };
  },
};

const hostPathVolumes: Check = {
  id: "hostPathVolumes",
  check: ({ spec }) => {
    const names = (spec?.volumes ?? [])
      .filter(({ hostPath }) => hostPath !== undefined)
      .map(({ name }) => name);
    return violation("hostPath volumes", names.length > 0 ? [quoted("volume", names)] : []);
  },
};

const hostPorts: Check = {
  id: "hostPorts",
  check: (pod) => {
    const portsOf = ({ ports = [] }: V1Container) =>
      ports.flatMap(({ hostPort }) => (hostPort ? [hostPort] : []));
    const names = containersWith(pod, (one) => portsOf(one).length > 0);
    if (names.length === 0) return undefined;
    const ports = [...new Set(containersOf(pod).flatMap(portsOf))].sort((a, b) => a - b);
    const uses = names.length > 1 ? "use" : "uses";
    const detail = `${quoted("container", names)} ${uses} ${ports.length > 1 ? "hostPorts" : "hostPort"} ${ports.join(", ")}`;
    return { reason: "hostPort", detail };
  },
};

/** The `host` of every probe and lifecycle handler of a container. */
function probedHosts(container: V1Container): string[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  return [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(
    (handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host].flatMap((host) => (host ? [host] : [])),
  );
}

const hostProbes: Check = {
  id: "hostProbesAndHostLifecycle",
  since: 34,
  check: (pod) => {
    const names = containersWith(pod, (one) => probedHosts(one).length > 0);
    if (names.length === 0) return undefined;
    const hosts = [...new Set(containersOf(pod).flatMap(probedHosts))]
      .sort()
      .map((one) => JSON.stringify(one));
    const uses = names.length > 1 ? "use" : "uses";
    const what = `probe or lifecycle ${hosts.length > 1 ? "hosts" : "host"}`;
    return {
      reason: "probe or lifecycle host",
      detail: `${quoted("container", names)} ${uses} ${what} ${hosts.join(", ")}`,
    };
  },
};

const privileged: Check = {
  id: "privileged",
  check: (pod) =>
    violation(
      "privileged",
      mustNot(
        false,
        containersWith(pod, (one) => contextOf(one).privileged === true),
        "set securityContext.privileged=true",
      ),
    ),
};

const procMount: Check = {
  id: "procMount",
  check: (pod, minor) => {
    if (minor >= 35 && pod.spec?.hostUsers === false) return undefined;
    return forbiddenProcMount(pod);
  },
};

export function forbiddenProcMount(pod: V1Pod): Violation | undefined {
  const mountOf = (one: V1Container) => contextOf(one).procMount;
  const isBad = (one: V1Container) => mountOf(one) !== undefined && mountOf(one) !== "Default";
  const values = [...new Set(containersOf(pod).filter(isBad).map(mountOf))]
    .sort()
    .map((one) => JSON.stringify(one));
  return violation(
    "procMount",
    mustNot(false, containersWith(pod, isBad), `set securityContext.procMount to ${values.join(", ")}`),
  );
}

const SELINUX_TYPES = ["", "container_t", "container_init_t", "container_kvm_t"];

const seLinuxOptions: Check = {
  id: "seLinuxOptions",
  check: (pod, minor) => {
    const types = minor >= 31 ? [...SELINUX_TYPES, "container_engine_t"] : SELINUX_TYPES;
    const all = [pod.spec?.securityContext, ...containersOf(pod).map(contextOf)].map(
      (one) => one?.seLinuxOptions,
    );
    const isBad = (one: (typeof all)[number]) =>
      one !== undefined && (!types.includes(one.type ?? "") || Boolean(one.user) || Boolean(one.role));
    const badTypes = all.flatMap((one) => (one && !types.includes(one.type ?? "") ? [one.type ?? ""] : []));
    const who = subject(
      isBad(all[0]),
      containersWith(pod, (one) => isBad(contextOf(one).seLinuxOptions)),
    );
    if (who.length === 0) return undefined;
    const details = [
      ...(badTypes.length > 0 ? [quotedFields("type", badTypes)] : []),
      ...(all.some((one) => one?.user) ? ["user may not be set"] : []),
      ...(all.some((one) => one?.role) ? ["role may not be set"] : []),
    ];
    const detail = `${who.join(" and ")} set forbidden securityContext.seLinuxOptions: ${details.join("; ")}`;
    return { reason: "seLinuxOptions", detail };
  },
};

const seccompBaseline: Check = {
  id: "seccompProfile_baseline",
  check: (pod) => {
    const isBad = (type: string | undefined) => type === "Unconfined";
    const bad = containersWith(pod, (one) => isBad(contextOf(one).seccompProfile?.type));
    const rest = 'set securityContext.seccompProfile.type to "Unconfined"';
    return violation(
      "seccompProfile",
      mustNot(isBad(pod.spec?.securityContext?.seccompProfile?.type), bad, rest),
    );
  },
};

const SYSCTLS: readonly (readonly [since: number, ...names: string[]])[] = [
  [
    0,
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
  ],
  [27, "net.ipv4.ip_local_reserved_ports"],
  [
    29,
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
  ],
  [32, "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"],
];

const sysctls: Check = {
  id: "sysctls",
  check: ({ spec }, minor) => {
    const allowed = SYSCTLS.filter(([since]) => minor >= since).flatMap(([, ...names]) => names);
    const bad = (spec?.securityContext?.sysctls ?? [])
      .map(({ name }) => name)
      .filter((name) => !allowed.includes(name));
    return bad.length === 0 ? undefined : { reason: "forbidden sysctls", detail: bad.join(", ") };
  },
};

const windowsHostProcess: Check = {
  id: "windowsHostProcess",
  check: (pod) => {
    const isBad = (context: { windowsOptions?: { hostProcess?: boolean } } | undefined) =>
      context?.windowsOptions?.hostProcess === true;
    const bad = containersWith(pod, (one) => isBad(contextOf(one)));
    return violation(
      "hostProcess",
      mustNot(isBad(pod.spec?.securityContext), bad, "set securityContext.windowsOptions.hostProcess=true"),
    );
  },
};

export function isWindows(spec: V1PodSpec | undefined): boolean {
  return spec?.os?.name === "windows";
}

export { contextOf, forbiddenCapabilities, mustNot, subject, violation };

/** In the order of their ids, as violations are told. */
export const BASELINE: readonly Check[] = [
  appArmorProfile,
  capabilitiesBaseline,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  hostProbes,
  privileged,
  procMount,
  seLinuxOptions,
  seccompBaseline,
  sysctls,
  windowsHostProcess,
];
