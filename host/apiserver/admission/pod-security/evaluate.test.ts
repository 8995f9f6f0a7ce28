import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { V1Pod } from "../../../api/generated/types.ts";
import { describeViolations, violationsOf } from "./evaluate.ts";
import { LATEST, type Level } from "./version.ts";

/** A pod that is allowed everywhere, with something changed: `pod("hostPID: true")`, `pod("", "privileged: true")`. */
function pod(spec: string, context = ""): V1Pod {
  const good = parse(`
    securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
    containers: [{name: c, image: i, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]
  `) as NonNullable<V1Pod["spec"]>;
  const [container] = good.containers;
  const securityContext = { ...container!.securityContext, ...(parse(`{${context}}`) as object) };
  return {
    spec: { ...good, containers: [{ ...container!, securityContext }], ...(parse(`{${spec}}`) as object) },
  };
}

const told = (of: V1Pod, level: Level, minor = LATEST) => describeViolations(violationsOf(of, level, minor));

test("what says everything restricted asks for violates nothing", () => {
  expect(told(pod(""), "restricted")).toBe("");
});

describe("baseline", () => {
  test.each([
    [
      "",
      "appArmorProfile: {type: Unconfined}",
      'forbidden AppArmor profile (container "c" must not set AppArmor profile type to "Unconfined")',
    ],
    [
      "securityContext: {appArmorProfile: {type: Unconfined}}",
      "",
      'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
    ],
    [
      "",
      "capabilities: {add: [SYS_ADMIN]}",
      'non-default capabilities (container "c" must not include "SYS_ADMIN" in securityContext.capabilities.add)',
    ],
    ["", "capabilities: {add: [CHOWN]}", ""],
    ["hostNetwork: true, hostPID: true", "", "host namespaces (hostNetwork=true, hostPID=true)"],
    ["volumes: [{name: h, hostPath: {path: /}}]", "", 'hostPath volumes (volume "h")'],
    [
      "containers: [{name: c, ports: [{containerPort: 80, hostPort: 80}]}]",
      "",
      'hostPort (container "c" uses hostPort 80)',
    ],
    [
      "containers: [{name: c, livenessProbe: {httpGet: {host: 1.2.3.4, port: 1}}}]",
      "",
      'probe or lifecycle host (container "c" uses probe or lifecycle host "1.2.3.4")',
    ],
    ["", "privileged: true", 'privileged (container "c" must not set securityContext.privileged=true)'],
    [
      "containers: [{name: a, securityContext: {privileged: true}}, {name: b, securityContext: {privileged: true}}]",
      "",
      'privileged (containers "a", "b" must not set securityContext.privileged=true)',
    ],
    [
      "",
      "procMount: Unmasked",
      'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
    ],
    ["hostUsers: false", "procMount: Unmasked", ""],
    [
      "",
      "seLinuxOptions: {type: x, user: u, role: r}",
      'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "x"; user may not be set; role may not be set)',
    ],
    ["", "seLinuxOptions: {type: container_engine_t}", ""],
    [
      "securityContext: {seccompProfile: {type: Unconfined}}",
      "",
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      "securityContext: {sysctls: [{name: a, value: x}, {name: net.ipv4.tcp_syncookies, value: x}, {name: b, value: x}]}",
      "",
      "forbidden sysctls (a, b)",
    ],
    [
      "securityContext: {windowsOptions: {hostProcess: true}}",
      "",
      "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
    ],
  ])("{%s} {%s}: %s", (spec, context, answer) => {
    expect(told(pod(spec, context), "baseline")).toBe(answer);
    expect(told(pod(spec, context), "privileged")).toBe("");
  });
});

describe("restricted", () => {
  test.each([
    [
      "",
      "allowPrivilegeEscalation: true",
      'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)',
    ],
    [
      "",
      "capabilities: {add: [SYS_ADMIN]}",
      'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]; container "c" must not include "SYS_ADMIN" in securityContext.capabilities.add)',
    ],
    [
      "volumes: [{name: h, hostPath: {path: /}}, {name: g, emptyDir: {}}]",
      "",
      'restricted volume types (volume "h" uses restricted volume type "hostPath")',
    ],
    [
      "securityContext: {seccompProfile: {type: RuntimeDefault}}",
      "",
      'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)',
    ],
    [
      "",
      "runAsNonRoot: false",
      'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)',
    ],
    ["", "runAsUser: 0", 'runAsUser=0 (container "c" must not set runAsUser=0)'],
    ["hostUsers: false", "runAsUser: 0", ""],
    [
      "securityContext: {runAsNonRoot: true}",
      "",
      'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    ],
    ["os: {name: windows}", "allowPrivilegeEscalation: true", ""],
  ])("{%s} {%s}: %s", (spec, context, answer) => {
    expect(told(pod(spec, context), "restricted")).toBe(answer);
  });
});

test("a rule holds from the version on that brought it", () => {
  const probe = pod("containers: [{name: c, livenessProbe: {httpGet: {host: h, port: 1}}}]");
  expect(told(probe, "baseline", 33)).toBe("");
  expect(told(probe, "baseline", 34)).not.toBe("");
  const root = pod("hostUsers: false", "runAsUser: 0");
  expect(told(root, "restricted", 34)).toContain("runAsUser=0");
  const engine = pod("", "seLinuxOptions: {type: container_engine_t}");
  expect(told(engine, "baseline", 30)).toContain("seLinuxOptions");
  const sysctl = pod("securityContext: {sysctls: [{name: net.ipv4.tcp_rmem, value: x}]}");
  expect([told(sysctl, "baseline", 31), told(sysctl, "baseline", 32)]).toEqual([
    "forbidden sysctls (net.ipv4.tcp_rmem)",
    "",
  ]);
});
