import type {
  V1Container,
  V1EnvVar,
  V1HTTPGetAction,
  V1LifecycleHandler,
  V1PodSpec,
  V1Probe,
} from "../generated/types.ts";
import { defaultVolume } from "./volume-defaults.ts";

/**
 * The defaults of a pod spec, wherever it stands. An empty string or 0 where Go has no pointer counts as left out.
 * Source: api-policy 5.1 (k8s.io/kubernetes/pkg/apis/core/v1/defaults.go).
 */
export function defaultPodSpec(spec: V1PodSpec): void {
  spec.restartPolicy ||= "Always";
  spec.terminationGracePeriodSeconds ??= 30;
  spec.dnsPolicy ||= "ClusterFirst";
  spec.schedulerName ||= "default-scheduler";
  spec.securityContext ??= {};
  // The old name of the field is kept as a twin of the new one.
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
  for (const container of allContainers(spec)) defaultContainer(container);
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
}

/** What only a pod gets, and a template inside a workload does not. */
export function defaultOwnPodSpec(spec: V1PodSpec): void {
  spec.enableServiceLinks ??= true;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    const { limits } = container.resources ?? {};
    if (limits !== undefined && Object.keys(limits).length > 0)
      container.resources!.requests = { ...limits, ...container.resources!.requests };
    if (spec.hostNetwork) for (const port of container.ports ?? []) port.hostPort ||= port.containerPort;
  }
}

/** Init, normal and ephemeral containers; the last have the same fields where it matters here. */
function allContainers(spec: V1PodSpec): V1Container[] {
  return [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...((spec.ephemeralContainers ?? []) as V1Container[]),
  ];
}

function defaultContainer(container: V1Container): void {
  container.resources ??= {};
  container.terminationMessagePath ||= "/dev/termination-log";
  container.terminationMessagePolicy ||= "File";
  container.imagePullPolicy ||= pullPolicyFor(container.image ?? "");
  for (const port of container.ports ?? []) port.protocol ||= "TCP";
  for (const variable of container.env ?? []) defaultVariable(variable);
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe])
    if (probe !== undefined) defaultProbe(probe);
  for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop])
    if (handler !== undefined) defaultHandler(handler);
}

function defaultVariable({ valueFrom }: V1EnvVar): void {
  if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ||= "v1";
  if (valueFrom?.fileKeyRef) valueFrom.fileKeyRef.optional ??= false;
}

function defaultProbe(probe: V1Probe): void {
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  if (probe.grpc) probe.grpc.service ??= "";
  defaultHandler(probe);
}

function defaultHandler(handler: V1LifecycleHandler | V1Probe): void {
  const get: V1HTTPGetAction | undefined = handler.httpGet;
  if (get === undefined) return;
  get.path ||= "/";
  get.scheme ||= "HTTP";
}

/** `Always` for the tag `latest`, written or meant: an image with neither tag nor digest means it. */
export function pullPolicyFor(image: string): "Always" | "IfNotPresent" {
  const [name = "", digest] = image.split("@", 2);
  const colon = name.lastIndexOf(":");
  const tag = colon > name.lastIndexOf("/") ? name.slice(colon + 1) : "";
  return tag === "latest" || (tag === "" && digest === undefined) ? "Always" : "IfNotPresent";
}
