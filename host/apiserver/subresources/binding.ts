import type { V1Binding, V1Pod, V1PodCondition } from "../../api/generated/types.ts";
import { validateMetadataUpdate } from "../../api/metadata.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { ApiError, badRequest, conflict, type Status } from "../../apimachinery/errors.ts";
import { invalidObject } from "../../apimachinery/field-error.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { admitDocument } from "../admission/dynamic/admit-document.ts";
import { nodeRestriction } from "../admission/node-restriction.ts";
import { topologyLabels } from "../admission/pod-topology-labels.ts";
import type { Api, Target, WriteContext } from "../api.ts";
import type { UpdateStep } from "../storage/objects.ts";
import type { AnyObject } from "../storage/view.ts";

const RESOURCE = { group: "", plural: "pods/binding", kind: "Binding" };

/** Puts a pod on a node: spec.nodeName, PodScheduled, and the Binding's labels and annotations. Source: api-wire 18. */
export async function bind(
  api: Api,
  target: Target,
  asked: V1Binding,
  context: WriteContext,
): Promise<Status> {
  const body = await admitBinding(api, target, await withTopology(api, asked), context);
  const node = body.target?.name;
  if (!node) throw new ApiError("", "target.name: Required value");
  if (body.metadata?.name && body.metadata.name !== target.name) {
    const why = `the name of the object (${body.metadata.name}) does not match the name on the URL (${target.name})`;
    throw badRequest(why);
  }
  // Policies and webhooks were asked about the Binding, and the other plugins have nothing to say of a pod that gets its node.
  // The binding is the one change that may set nodeName, so the kind's own update rule is not asked either, and nobody comes to
  // own the field.
  await api.objects.update(
    target.kind,
    target,
    async ({ object }): Promise<UpdateStep> => {
      const pod = object as V1Pod;
      requireFree(target, pod, body);
      const next = bound(pod, node, body, formatTime(api.clock.nowMs()));
      const { kind, name, namespace } = target;
      const about = { verb: "update", kind, name, namespace, subresource: "binding", object: next } as const;
      await nodeRestriction(api, { ...about, old: object }, context);
      const errors = validateMetadataUpdate(kind, next, object);
      if (errors.length > 0) throw invalidObject(kind, name, errors);
      return { kind: "put", object: next };
    },
    context.dryRun,
  );
  return success();
}

/** The pod is to know where its node stands (PodTopologyLabels). */
async function withTopology(api: Api, asked: V1Binding): Promise<V1Binding> {
  const node = asked.target?.name;
  if (!node) return asked;
  const labels = { ...asked.metadata?.labels, ...(await topologyLabels(api, node)) };
  return { ...asked, metadata: { ...asked.metadata, labels } };
}

async function admitBinding(
  api: Api,
  { kind, namespace, name }: Target,
  said: V1Binding,
  context: WriteContext,
): Promise<V1Binding> {
  if (api.dynamicAdmission.isIdle) return said;
  const object: AnyObject = { ...said, kind: "Binding", apiVersion: "v1" };
  const about = { verb: "create", kind, namespace, name, subresource: "binding", targetName: name } as const;
  return (await admitDocument(api, { ...about, object }, context)) as KubernetesObject as V1Binding;
}

export function success(): Status {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
}

function requireFree({ name }: Target, pod: V1Pod, body: V1Binding): void {
  const uid = body.metadata?.uid;
  if (uid && uid !== pod.metadata?.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata?.uid}`;
    throw conflict(RESOURCE, name, why);
  }
  if (pod.metadata?.deletionTimestamp !== undefined) {
    throw conflict(RESOURCE, name, `pod ${name} is being deleted, cannot be assigned to a host`);
  }
  if (pod.spec?.nodeName) {
    throw conflict(RESOURCE, name, `pod ${name} is already assigned to node "${pod.spec.nodeName}"`);
  }
  if (pod.spec?.schedulingGates?.length) {
    throw conflict(RESOURCE, name, `pod ${name} has non-empty .spec.schedulingGates`);
  }
}

function bound(pod: V1Pod, nodeName: string, body: V1Binding, now: string): AnyObject {
  const { labels, annotations } = body.metadata ?? {};
  const scheduled: V1PodCondition = { type: "PodScheduled", status: "True", lastTransitionTime: now };
  const conditions = pod.status?.conditions ?? [];
  const present = conditions.some((condition) => condition.type === "PodScheduled");
  // The room that was kept for the pod is its own now (gate ClearingNominatedNodeNameAfterBinding, on).
  const { nominatedNodeName: _, ...status } = pod.status ?? {};
  const next: V1Pod = {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(Object.keys(labels ?? {}).length > 0 ? { labels: { ...pod.metadata?.labels, ...labels } } : {}),
      ...(Object.keys(annotations ?? {}).length > 0
        ? { annotations: { ...pod.metadata?.annotations, ...annotations } }
        : {}),
    },
    spec: { ...pod.spec!, nodeName },
    status: {
      ...status,
      conditions: present
        ? conditions.map((condition) => (condition.type === "PodScheduled" ? scheduled : condition))
        : [...conditions, scheduled],
    },
  };
  return next as AnyObject;
}
