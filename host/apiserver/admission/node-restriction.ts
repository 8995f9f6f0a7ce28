import { decodedText, SIGNERS } from "../../api/certificate-signing-request.ts";
import type {
  V1CertificateSigningRequest,
  V1Lease,
  V1Node,
  V1Pod,
  V1ResourceSlice,
} from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { Node, Pod } from "../../api/registry.ts";
import { CertificateRequestError, parseCertificateRequest } from "../../apimachinery/certificate-request.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { forbidden, qualifiedResource } from "../../apimachinery/errors.ts";
import type { Api } from "../api.ts";
import { nodeOf } from "../authorization/node/node-authorizer.ts";
import { podReferences, tokenAudiences } from "../authorization/node/pod-references.ts";
import type { Admission, Attributes } from "./chain.ts";

const MIRROR = "kubernetes.io/config.mirror";

/** Why a node may not write what it wants to; undefined: it may. */
type Refusal = string | undefined;

type Rule = (api: Api, node: string, write: Attributes) => Refusal | Promise<Refusal>;

const RULES: Readonly<Record<string, Rule>> = {
  pods: restrictPods,
  nodes: restrictNodes,
  persistentvolumeclaims: (_api, _node, { subresource }) =>
    subresource === "status" ? undefined : "may only update PVC status",
  serviceaccounts: restrictTokens,
  "certificatesigningrequests.certificates.k8s.io": restrictRequests,
  "leases.coordination.k8s.io": restrictLeases,
  "csinodes.storage.k8s.io": (_api, node, { name }) =>
    name === node ? undefined : "can only access CSINode with the same name as the requesting node",
  "resourceslices.resource.k8s.io": restrictSlices,
};

/** A kubelet writes about itself and its own pods. Source: NodeRestriction (api-policy 4.4). */
export const nodeRestriction: Admission = (api, write, { user }) => {
  const node = nodeOf(user);
  return node === undefined ? undefined : restrict(api, node, write);
};

async function restrict(api: Api, node: string, write: Attributes): Promise<void> {
  const why = await RULES[qualifiedResource(write.kind)]?.(api, node, write);
  if (why !== undefined) throw forbidden(write.kind, write.name, why);
}

async function restrictPods(api: Api, node: string, write: Attributes): Promise<Refusal> {
  const { verb, subresource } = write;
  const pod = write.object as V1Pod | undefined;
  const old = write.old as V1Pod | undefined;
  if (verb === "create" && subresource === undefined) return restrictMirrorPod(api, node, pod);
  if (subresource === "eviction") return restrictEviction(api, node, write);
  const bound = (old ?? pod)?.spec?.nodeName;
  if (verb === "delete") {
    return bound === node
      ? undefined
      : `node "${node}" can only delete pods with spec.nodeName set to itself`;
  }
  if (subresource === "status") {
    if (bound !== node)
      return `node "${node}" can only update pod status for pods with spec.nodeName set to itself`;
    if (!deepEqual(pod?.metadata?.labels ?? {}, old?.metadata?.labels ?? {}))
      return `node "${node}" cannot update labels through pod status`;
    if (!deepEqual(pod?.status?.resourceClaimStatuses ?? [], old?.status?.resourceClaimStatuses ?? []))
      return `node "${node}" cannot update resource claim statuses`;
    return undefined;
  }
  return `unexpected operation "${verb.toUpperCase()}", node "${node}" can only create and delete mirror pods`;
}

async function restrictEviction(api: Api, node: string, { namespace, name }: Attributes): Promise<Refusal> {
  const pod = (await api.objects.get(Pod as unknown as Kind, { namespace, name })).object as V1Pod;
  return pod.spec?.nodeName === node
    ? undefined
    : `node ${node} can only evict pods with spec.nodeName set to itself`;
}

async function restrictMirrorPod(api: Api, node: string, pod: V1Pod | undefined): Promise<Refusal> {
  const { metadata, spec } = pod ?? {};
  if (metadata?.annotations?.[MIRROR] === undefined)
    return `pod does not have "${MIRROR}" annotation, node "${node}" can only create mirror pods`;
  if (spec?.nodeName !== node) return `node "${node}" can only create pods with spec.nodeName set to itself`;
  const owners = metadata.ownerReferences ?? [];
  if (owners.length > 0) {
    const [owner] = owners;
    const found = await api.objects.find(Node as unknown as Kind, { name: node });
    const isOwn =
      owners.length === 1 &&
      owner?.apiVersion === "v1" &&
      owner.kind === "Node" &&
      owner.name === node &&
      owner.controller === true &&
      owner.blockOwnerDeletion !== true &&
      owner.uid === found?.object.metadata?.uid;
    if (!isOwn) return `node "${node}" can only create pods with an owner reference set to itself`;
  }
  const references = new Set([...podReferences(pod as V1Pod)].map((key) => key.split("/")[0] ?? ""));
  if (references.has("serviceaccounts"))
    return `node "${node}" can not create pods that reference a service account`;
  for (const plural of ["secrets", "configmaps", "persistentvolumeclaims", "resourceclaims"])
    if (references.has(plural)) return `node "${node}" can not create pods that reference ${plural}`;
  return undefined;
}

function restrictNodes(_api: Api, node: string, { verb, name, object, old }: Attributes): Refusal {
  if (name !== node) return `node "${node}" is not allowed to modify node "${name}"`;
  if (verb === "delete") return undefined;
  const next = object as V1Node;
  const previous = old as V1Node | undefined;
  const labels = changedLabels(previous?.metadata?.labels ?? {}, next.metadata?.labels ?? {});
  const refused = labels.filter(isForbiddenLabel).join(", ");
  if (refused !== "") {
    const what = verb === "create" ? "set the following labels" : "modify labels";
    return `node "${node}" is not allowed to ${what}: ${refused}`;
  }
  if (verb === "create") return undefined;
  if (!deepEqual(next.spec?.taints ?? [], previous?.spec?.taints ?? []))
    return `node "${node}" is not allowed to modify taints`;
  if (!deepEqual(next.metadata?.ownerReferences ?? [], previous?.metadata?.ownerReferences ?? []))
    return `node "${node}" is not allowed to modify ownerReferences`;
  return undefined;
}

type Labels = Readonly<Record<string, string>>;

function changedLabels(old: Labels, next: Labels): string[] {
  return [...new Set([...Object.keys(old), ...Object.keys(next)])]
    .filter((key) => old[key] !== next[key])
    .sort();
}

/** Labels that a kubelet sets about its own machine. */
const KUBELET_LABELS = new Set([
  "kubernetes.io/hostname",
  "kubernetes.io/os",
  "kubernetes.io/arch",
  "beta.kubernetes.io/os",
  "beta.kubernetes.io/arch",
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region",
  "beta.kubernetes.io/instance-type",
  "node.kubernetes.io/instance-type",
]);

/** Labels by which workloads are kept apart must not be a node's own word. */
function isForbiddenLabel(key: string): boolean {
  const domain = key.includes("/") ? key.slice(0, key.indexOf("/")) : "";
  const isOf = (parent: string) => domain === parent || domain.endsWith(`.${parent}`);
  if (isOf("node-restriction.kubernetes.io")) return true;
  if (!isOf("kubernetes.io") && !isOf("k8s.io")) return false;
  return !KUBELET_LABELS.has(key) && !isOf("kubelet.kubernetes.io") && !isOf("node.kubernetes.io");
}

/** A node asks for no other node's certificate. */
function restrictRequests(_api: Api, node: string, { verb, subresource, object }: Attributes): Refusal {
  if (verb !== "create" || subresource !== undefined) return undefined;
  const { spec } = object as unknown as V1CertificateSigningRequest;
  if (spec.signerName !== SIGNERS.kubeletClient && spec.signerName !== SIGNERS.kubeletServing)
    return undefined;
  try {
    const { commonName } = parseCertificateRequest(decodedText(spec.request));
    return commonName === `system:node:${node}`
      ? undefined
      : `can only create a node CSR with CN=system:node:${node}`;
  } catch (error) {
    if (error instanceof CertificateRequestError) return `unable to parse csr: ${error.message}`;
    throw error;
  }
}

function restrictLeases(_api: Api, node: string, { name, object }: Attributes): Refusal {
  const namespace = (object as V1Lease | undefined)?.metadata?.namespace ?? "kube-node-lease";
  if (namespace !== "kube-node-lease")
    return 'can only access leases in the "kube-node-lease" system namespace';
  return name === node ? undefined : "can only access node lease with the same name as the requesting node";
}

function restrictSlices(_api: Api, node: string, { object, old }: Attributes): Refusal {
  const owner = ((old ?? object) as V1ResourceSlice | undefined)?.spec.nodeName;
  return owner === node
    ? undefined
    : "can only write ResourceSlices with the same NodeName as the requesting node";
}

/** A node asks for the tokens of its own pods, and for the audiences that their volumes name. */
async function restrictTokens(api: Api, node: string, write: Attributes): Promise<Refusal> {
  if (write.subresource !== "token") return undefined;
  const spec = write.object?.["spec"] as
    | { audiences?: string[]; boundObjectRef?: { kind?: string; name?: string; uid?: string } | null }
    | undefined;
  const bound = spec?.boundObjectRef;
  if (bound?.kind !== "Pod" || !bound.name) return "node requested token not bound to a pod";
  if (!bound.uid) return "node requested token with a pod binding without a uid";
  const reference = { namespace: write.namespace, name: bound.name };
  const pod = (await api.objects.get(Pod as unknown as Kind, reference)).object as V1Pod;
  if (pod.metadata?.uid !== bound.uid) {
    const uid = pod.metadata?.uid;
    return `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated (${uid})`;
  }
  if (pod.spec?.nodeName !== node) return "node requested token bound to a pod scheduled on a different node";
  const known = tokenAudiences(pod);
  const own = api.serviceAccountTokens.apiAudiences;
  for (const audience of spec?.audiences ?? []) {
    if (known.has(audience) || (known.has(undefined) && own.includes(audience))) continue;
    return `audience "${audience}" not found in pod spec volume, system:node:${node} is not authorized to request tokens for this audience`;
  }
  return undefined;
}
