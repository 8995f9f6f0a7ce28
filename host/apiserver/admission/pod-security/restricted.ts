import type { V1Container, V1Pod, V1Volume } from "../../../api/generated/types.ts";
import {
  type Check,
  containersOf,
  containersWith,
  contextOf,
  forbiddenCapabilities,
  forbiddenProcMount,
  isWindows,
  mustNot,
  subject,
  violation,
} from "./checks.ts";
import { quoted, quotedFields } from "./words.ts";

const allowPrivilegeEscalation: Check = {
  id: "allowPrivilegeEscalation",
  check: (pod, minor) => {
    if (minor >= 25 && isWindows(pod.spec)) return undefined;
    const bad = containersWith(pod, (one) => contextOf(one).allowPrivilegeEscalation !== false);
    if (bad.length === 0) return undefined;
    const detail = `${quoted("container", bad)} must set securityContext.allowPrivilegeEscalation=false`;
    return { reason: "allowPrivilegeEscalation != false", detail };
  },
};

const capabilitiesRestricted: Check = {
  id: "capabilities_restricted",
  replaces: ["capabilities_baseline"],
  check: (pod, minor) => {
    if (minor >= 25 && isWindows(pod.spec)) return undefined;
    const keeps = containersWith(pod, (one) => !contextOf(one).capabilities?.drop?.includes("ALL"));
    return violation("unrestricted capabilities", [
      ...(keeps.length > 0
        ? [`${quoted("container", keeps)} must set securityContext.capabilities.drop=["ALL"]`]
        : []),
      ...forbiddenCapabilities(pod, (one) => one === "NET_BIND_SERVICE"),
    ]);
  },
};

const procMountRestricted: Check = {
  id: "procMount_restricted",
  since: 35,
  replaces: ["procMount"],
  check: forbiddenProcMount,
};

const VOLUME_TYPES: readonly string[] = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "image",
  "persistentVolumeClaim",
  "projected",
  "secret",
];

const restrictedVolumes: Check = {
  id: "restrictedVolumes",
  replaces: ["hostPathVolumes"],
  check: ({ spec }) => {
    const typeOf = (volume: V1Volume) => Object.keys(volume).find((key) => key !== "name");
    const bad = (spec?.volumes ?? []).filter((one) => !VOLUME_TYPES.includes(typeOf(one) ?? "emptyDir"));
    if (bad.length === 0) return undefined;
    const names = quoted(
      "volume",
      bad.map(({ name }) => name),
    );
    const types = quotedFields(
      "restricted volume type",
      bad.map((one) => typeOf(one)!),
    );
    return {
      reason: "restricted volume types",
      detail: `${names} ${bad.length > 1 ? "use" : "uses"} ${types}`,
    };
  },
};

/** From 1.35 on a pod in a user namespace of its own may be root inside. */
function mayBeRoot({ spec }: V1Pod, minor: number): boolean {
  return minor >= 35 && spec?.hostUsers === false;
}

const runAsNonRoot: Check = {
  id: "runAsNonRoot",
  check: (pod, minor) => {
    if (mayBeRoot(pod, minor)) return undefined;
    const said = (one: V1Container) => contextOf(one).runAsNonRoot;
    const podSaid = pod.spec?.securityContext?.runAsNonRoot;
    const refused = containersWith(pod, (one) => said(one) === false);
    const silent = containersWith(pod, (one) => said(one) === undefined);
    const podRefused = podSaid === false && silent.length > 0;
    const reason = "runAsNonRoot != true";
    const bad = mustNot(podRefused, refused, "set securityContext.runAsNonRoot=false");
    if (bad.length > 0) return { reason, detail: bad.join("; ") };
    if (podSaid !== undefined || silent.length === 0) return undefined;
    return {
      reason,
      detail: `pod or ${quoted("container", silent)} must set securityContext.runAsNonRoot=true`,
    };
  },
};

const runAsUser: Check = {
  id: "runAsUser",
  check: (pod, minor) => {
    if (mayBeRoot(pod, minor)) return undefined;
    const bad = containersWith(pod, (one) => contextOf(one).runAsUser === 0);
    return violation(
      "runAsUser=0",
      mustNot(pod.spec?.securityContext?.runAsUser === 0, bad, "set runAsUser=0"),
    );
  },
};

const seccompRestricted: Check = {
  id: "seccompProfile_restricted",
  since: 19,
  replaces: ["seccompProfile_baseline"],
  check: (pod, minor) => {
    if (minor >= 25 && isWindows(pod.spec)) return undefined;
    const isGood = (type: string | undefined) => type === "RuntimeDefault" || type === "Localhost";
    const typeOf = (one: V1Container) => contextOf(one).seccompProfile?.type;
    const podType = pod.spec?.securityContext?.seccompProfile?.type;
    const bad = containersWith(pod, (one) => typeOf(one) !== undefined && !isGood(typeOf(one)));
    const silent = containersWith(pod, (one) => typeOf(one) === undefined);
    const podBad = podType !== undefined && !isGood(podType);
    const badTypes = [
      ...(podBad ? [podType] : []),
      ...containersOf(pod)
        .map(typeOf)
        .filter((one) => one && !isGood(one)),
    ];
    const values = [...new Set(badTypes)]
      .sort()
      .map((one) => JSON.stringify(one))
      .join(", ");
    const who = subject(podBad, bad);
    const needs = podType === undefined && silent.length > 0;
    return violation("seccompProfile", [
      ...(who.length > 0
        ? [`${who.join(" and ")} must not set securityContext.seccompProfile.type to ${values}`]
        : []),
      ...(needs
        ? [
            `pod or ${quoted("container", silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
          ]
        : []),
    ]);
  },
};

/** In the order of their ids, as violations are told. */
export const RESTRICTED: readonly Check[] = [
  allowPrivilegeEscalation,
  capabilitiesRestricted,
  procMountRestricted,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seccompRestricted,
];
