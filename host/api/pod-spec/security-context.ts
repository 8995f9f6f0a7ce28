import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  required,
} from "../../apimachinery/field-error.ts";
import { inRange, MAX_INT32, oneOf } from "../field-checks.ts";
import type {
  V1Container,
  V1PodSecurityContext,
  V1PodSpec,
  V1SeccompProfile,
  V1SecurityContext,
} from "../generated/types.ts";
import { noBacksteps } from "./volumes.ts";

const PROFILES = ["Localhost", "RuntimeDefault", "Unconfined"];
const SYSCTL = "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
const SYSCTL_REGEX = new RegExp(SYSCTL);
const MAX_SYSCTL_CHARACTERS = 253;

/** What the pod and its containers may do on their node. Source: api-policy 6.4 (validatePodSpecSecurityContext, ValidateSecurityContext). */
export function validateSecurity(field: string, spec: V1PodSpec): FieldError[] {
  return [
    ...validatePodContext(`${field}.securityContext`, spec),
    ...validateHostUsers(field, spec),
    ...eachContext(field, spec, (path, context) => validateContainerContext(path, context, spec)),
    ...validateSystem(field, spec),
  ];
}

const LISTS = ["containers", "initContainers", "ephemeralContainers"] as const;

/** Of the containers that have one. */
function eachContext(
  field: string,
  spec: V1PodSpec,
  check: (path: string, context: V1SecurityContext) => FieldError[],
): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of LISTS) {
    const all = (spec[list] ?? []) as V1Container[];
    for (let index = 0; index < all.length; index++) {
      const context = all[index]!.securityContext;
      if (context !== undefined) errors.push(...check(`${field}.${list}[${index}].securityContext`, context));
    }
  }
  return errors;
}

function validatePodContext(field: string, spec: V1PodSpec): FieldError[] {
  const { securityContext = {}, shareProcessNamespace, hostPID } = spec;
  const both = "ShareProcessNamespace and HostPID cannot both be enabled";
  return [
    ...(shareProcessNamespace && hostPID ? [invalid(`${field}.shareProcessNamespace`, true, both)] : []),
    ...inRange(`${field}.fsGroup`, securityContext.fsGroup, 0, MAX_INT32),
    ...validateIds(field, securityContext),
    ...(securityContext.supplementalGroups ?? []).flatMap((group, index) =>
      inRange(`${field}.supplementalGroups[${index}]`, group, 0, MAX_INT32),
    ),
    ...validateSysctls(`${field}.sysctls`, securityContext),
    ...oneOf(`${field}.fsGroupChangePolicy`, securityContext.fsGroupChangePolicy, [
      "Always",
      "OnRootMismatch",
    ]),
    ...validateProfile(`${field}.seccompProfile`, "seccomp", securityContext.seccompProfile),
    ...validateProfile(`${field}.appArmorProfile`, "AppArmor", securityContext.appArmorProfile),
    ...oneOf(`${field}.supplementalGroupsPolicy`, securityContext.supplementalGroupsPolicy, [
      "Merge",
      "Strict",
    ]),
    ...oneOf(`${field}.seLinuxChangePolicy`, securityContext.seLinuxChangePolicy, [
      "MountOption",
      "Recursive",
    ]),
  ];
}

function validateIds(field: string, { runAsUser, runAsGroup }: V1SecurityContext): FieldError[] {
  return [
    ...inRange(`${field}.runAsUser`, runAsUser, 0, MAX_INT32),
    ...inRange(`${field}.runAsGroup`, runAsGroup, 0, MAX_INT32),
  ];
}

function validateSysctls(field: string, { sysctls = [] }: V1PodSecurityContext): FieldError[] {
  const names = new Set<string>();
  return sysctls.flatMap(({ name }, index) => {
    const path = `${field}[${index}].name`;
    if (!name) return [required(path)];
    const why = `must have at most ${MAX_SYSCTL_CHARACTERS} characters and match regex ${SYSCTL}`;
    const isGood = name.length <= MAX_SYSCTL_CHARACTERS && SYSCTL_REGEX.test(name);
    const errors = isGood ? [] : [invalid(path, name, why)];
    if (names.has(name)) errors.push(duplicate(path, name));
    names.add(name);
    return errors;
  });
}

/** Seccomp and AppArmor profiles are of one shape. */
function validateProfile(
  field: string,
  what: "seccomp" | "AppArmor",
  profile: V1SeccompProfile | undefined,
): FieldError[] {
  if (profile === undefined) return [];
  const { type, localhostProfile } = profile;
  const at = `${field}.localhostProfile`;
  if (!type) return [required(`${field}.type`, `type is required when ${what}Profile is set`)];
  const errors = oneOf(`${field}.type`, type, PROFILES);
  if (type !== "Localhost") {
    if (localhostProfile !== undefined)
      errors.push(invalid(at, localhostProfile, `can only be set when ${what} type is Localhost`));
  } else if (!localhostProfile) {
    errors.push(required(at, `must be set when ${what} type is Localhost`));
  } else {
    if (localhostProfile.startsWith("/"))
      errors.push(invalid(at, localhostProfile, "must be a relative path"));
    errors.push(...noBacksteps(at, localhostProfile));
  }
  return errors;
}

/** A pod with users of its own shares nothing of its node that knows users by number. */
function validateHostUsers(field: string, spec: V1PodSpec): FieldError[] {
  if (spec.hostUsers !== false) return [];
  return (["hostNetwork", "hostPID", "hostIPC"] as const)
    .filter((name) => spec[name])
    .map((name) => forbiddenField(`${field}.${name}`, "when `hostUsers` is false"));
}

function validateContainerContext(field: string, context: V1SecurityContext, spec: V1PodSpec): FieldError[] {
  const { procMount, privileged, allowPrivilegeEscalation, capabilities } = context;
  const errors = [
    ...validateIds(field, context),
    ...oneOf(`${field}.procMount`, procMount, ["Default", "Unmasked"]),
    ...validateProfile(`${field}.seccompProfile`, "seccomp", context.seccompProfile),
    ...validateProfile(`${field}.appArmorProfile`, "AppArmor", context.appArmorProfile),
  ];
  if (procMount === "Unmasked" && spec.hostUsers !== false)
    errors.push(invalid(`${field}.procMount`, procMount, "`hostUsers` must be false to use `Unmasked`"));
  if (allowPrivilegeEscalation !== false) return errors;
  const not = (what: string) =>
    errors.push(
      invalid(field, inGo(context), `cannot set \`allowPrivilegeEscalation\` to false and ${what}`),
    );
  if (privileged) not("`privileged` to true");
  if (capabilities?.add?.includes("CAP_SYS_ADMIN")) not("`capabilities.Add` CAP_SYS_ADMIN");
  return errors;
}

/** As Kubernetes' internal structure is printed: its own names, and what is not set. */
function inGo(context: V1SecurityContext): object {
  const { capabilities, seccompProfile, appArmorProfile } = context;
  const profile = (one: V1SeccompProfile | undefined) =>
    one === undefined ? null : { Type: one.type, LocalhostProfile: one.localhostProfile ?? null };
  const set = capabilities && { Add: capabilities.add ?? null, Drop: capabilities.drop ?? null };
  return {
    Capabilities: set ?? null,
    Privileged: context.privileged ?? null,
    SELinuxOptions: context.seLinuxOptions ?? null,
    WindowsOptions: context.windowsOptions ?? null,
    RunAsUser: context.runAsUser ?? null,
    RunAsGroup: context.runAsGroup ?? null,
    RunAsNonRoot: context.runAsNonRoot ?? null,
    ReadOnlyRootFilesystem: context.readOnlyRootFilesystem ?? null,
    AllowPrivilegeEscalation: context.allowPrivilegeEscalation ?? null,
    ProcMount: context.procMount ?? null,
    SeccompProfile: profile(seccompProfile),
    AppArmorProfile: profile(appArmorProfile),
  };
}

const LINUX_ONLY_POD = [
  "appArmorProfile",
  "seLinuxOptions",
  "seccompProfile",
  "fsGroup",
  "fsGroupChangePolicy",
  "sysctls",
  "runAsUser",
  "runAsGroup",
  "supplementalGroups",
  "supplementalGroupsPolicy",
] as const;
const LINUX_ONLY_CONTAINER = [
  "appArmorProfile",
  "capabilities",
  "readOnlyRootFilesystem",
  "privileged",
  "allowPrivilegeEscalation",
  "procMount",
  "seccompProfile",
  "seLinuxOptions",
  "runAsUser",
  "runAsGroup",
] as const;

/** A pod that names its system has nothing of the other's. */
function validateSystem(field: string, spec: V1PodSpec): FieldError[] {
  const system = spec.os?.name;
  if (system !== "windows" && system !== "linux") return [];
  const why = `cannot be set for a ${system} pod`;
  const set = (at: string, context: object | undefined, names: readonly string[]) =>
    names.filter((name) => name in (context ?? {})).map((name) => forbiddenField(`${at}.${name}`, why));
  const isWindows = system === "windows";
  const ofPod = isWindows ? LINUX_ONLY_POD : ["windowsOptions"];
  const ofContainer = isWindows ? LINUX_ONLY_CONTAINER : ["windowsOptions"];
  const host = ["hostUsers", "hostPID", "hostIPC", "shareProcessNamespace"] as const;
  return [
    ...host
      .filter((name) => isWindows && (name === "hostUsers" ? name in spec : spec[name]))
      .map((name) => forbiddenField(`${field}.${name}`, why)),
    ...set(`${field}.securityContext`, spec.securityContext, ofPod),
    ...eachContext(field, spec, (path, context) => set(path, context, ofContainer)),
  ];
}
