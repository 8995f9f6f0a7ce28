import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { apiVersionOf } from "./kind.ts";
import { findKindByName, KINDS } from "./registry.ts";

describe("registry", () => {
  test("every kind has a type in the generated schema", () => {
    const schema = JSON.parse(readFileSync(new URL("./generated/schema.json", import.meta.url), "utf8"));
    const missing = KINDS.filter((kind) => !(kind.type in schema.types)).map((kind) => kind.type);
    expect(missing).toEqual([]);
  });

  test("groups come in the order of discovery, autoscaling/v2 before v1", () => {
    const versions = [...new Set(KINDS.map(apiVersionOf))];
    expect(versions).toEqual([
      "v1",
      "apiregistration.k8s.io/v1",
      "apps/v1",
      "events.k8s.io/v1",
      "authentication.k8s.io/v1",
      "authorization.k8s.io/v1",
      "autoscaling/v2",
      "autoscaling/v1",
      "batch/v1",
      "certificates.k8s.io/v1",
      "networking.k8s.io/v1",
      "policy/v1",
      "rbac.authorization.k8s.io/v1",
      "storage.k8s.io/v1",
      "admissionregistration.k8s.io/v1",
      "apiextensions.k8s.io/v1",
      "scheduling.k8s.io/v1",
      "coordination.k8s.io/v1",
      "node.k8s.io/v1",
      "discovery.k8s.io/v1",
      "resource.k8s.io/v1",
      "flowcontrol.apiserver.k8s.io/v1",
    ]);
  });

  test.each([
    ["v1", "Pod", "core.v1.Pod"],
    ["rbac.authorization.k8s.io/v1", "Role", "rbac.v1.Role"],
    ["events.k8s.io/v1", "Event", "events.v1.Event"],
    ["flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "flowcontrol.v1.FlowSchema"],
    ["apps/v1beta1", "Deployment", undefined],
    ["v1", "Unknown", undefined],
  ])("%s %s is of type %s", (apiVersion, kind, type) => {
    expect(findKindByName(apiVersion, kind)?.type).toBe(type);
  });

  test("who an update may create, and who needs a resourceVersion", () => {
    const names = (which: "createOnUpdate" | "requiresResourceVersion") =>
      KINDS.filter((kind) => kind[which])
        .map((kind) => kind.plural)
        .sort();
    expect(names("createOnUpdate")).toEqual(
      "clusterrolebindings clusterroles endpoints events events leases limitranges rolebindings roles runtimeclasses services".split(
        " ",
      ),
    );
    expect(names("requiresResourceVersion")).toEqual(
      (
        "apiservices csidrivers csinodes csistoragecapacities customresourcedefinitions leases mutatingadmissionpolicies " +
        "mutatingadmissionpolicybindings mutatingwebhookconfigurations poddisruptionbudgets runtimeclasses " +
        "validatingadmissionpolicies validatingadmissionpolicybindings validatingwebhookconfigurations volumeattachments"
      ).split(" "),
    );
  });
});

describe("other versions of a kind", () => {
  const roundTrip = (apiVersion: string, kind: string, object: KubernetesObject) => {
    const { stored } = findKindByName(apiVersion, kind)!;
    return { stored: stored!.toStored(object), back: stored!.fromStored(stored!.toStored(object)) };
  };

  test("an event of events.k8s.io is a core event under other names", () => {
    const event = {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: "e", namespace: "default" },
      eventTime: "2026-01-01T00:00:00.000000Z",
      regarding: { kind: "Pod", name: "web" },
      note: "it works",
      reportingController: "scheduler",
      deprecatedCount: 2,
      reason: "Scheduled",
    };
    const { stored, back } = roundTrip("events.k8s.io/v1", "Event", event);
    expect(stored).toEqual({
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: "e", namespace: "default" },
      eventTime: "2026-01-01T00:00:00.000000Z",
      involvedObject: { kind: "Pod", name: "web" },
      message: "it works",
      reportingComponent: "scheduler",
      count: 2,
      reason: "Scheduled",
    });
    expect(back).toEqual(event);
  });

  test("an autoscaler of v1 keeps its CPU target as a metric, and foreign metrics in an annotation", () => {
    const metadata = { name: "web", annotations: { a: "b" } };
    const spec = { scaleTargetRef: { kind: "Deployment", name: "web" }, maxReplicas: 3 };
    const v1 = { metadata, spec: { ...spec, targetCPUUtilizationPercentage: 70 } };
    const { stored, back } = roundTrip("autoscaling/v1", "HorizontalPodAutoscaler", v1 as KubernetesObject);
    const cpu = {
      type: "Resource",
      resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } },
    };
    expect(stored).toMatchObject({
      apiVersion: "autoscaling/v2",
      metadata,
      spec: { ...spec, metrics: [cpu] },
    });
    expect(back).toMatchObject({ apiVersion: "autoscaling/v1", ...v1 });

    const memory = {
      type: "Resource",
      resource: { name: "memory", target: { type: "AverageValue", averageValue: "1Gi" } },
    };
    const v2 = { metadata, spec: { ...spec, metrics: [memory, cpu] }, status: { desiredReplicas: 1 } };
    const conversion = findKindByName("autoscaling/v1", "HorizontalPodAutoscaler")!.stored!;
    const viaV1 = conversion.toStored(conversion.fromStored(v2 as KubernetesObject));
    expect(viaV1).toMatchObject({ metadata, spec: { ...spec, metrics: [memory, cpu] } });
  });
});
