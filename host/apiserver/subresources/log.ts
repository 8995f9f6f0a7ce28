import type { V1ContainerStatus, V1Pod } from "../../api/generated/types.ts";
import { badRequest } from "../../apimachinery/errors.ts";
import { containerOf } from "./container-choice.ts";

/** core/v1 PodLogOptions. */
export interface LogOptions {
  readonly container?: string;
  readonly follow: boolean;
  /** Of the container's run before this one. */
  readonly previous: boolean;
  readonly timestamps: boolean;
  /** Milliseconds since 1970; records before it are left out. */
  readonly sinceMs?: number;
  readonly tailLines?: number;
  readonly limitBytes?: number;
}

/**
 * What a simulated container has said: one line, at its start, that says what it is. Everything around it is as in
 * Kubernetes: which container, which of its runs, which part of it. A pod without a node has said nothing.
 *
 * @throws 400 when there is no such container or run, or it has not begun
 */
export function podLog(pod: V1Pod, options: LogOptions): string {
  const container = containerOf(pod, options.container);
  if (!pod.spec?.nodeName) return "";
  const startedAt = startOf(pod, container.name, options.previous);
  const text = `pintle: container ${container.name} of pod ${nameOf(pod)} is simulated; image ${container.image} was not run\n`;
  const isOld = options.sinceMs !== undefined && Date.parse(startedAt) < options.sinceMs;
  if (isOld || options.tailLines === 0) return "";
  const line = options.timestamps ? `${startedAt.replace("Z", ".000000000Z")} ${text}` : text;
  return line.slice(0, options.limitBytes);
}

/** Whether more may come: the container runs, or is going to. */
export function mayLogMore(pod: V1Pod, { container, previous }: LogOptions): boolean {
  if (previous || !pod.spec?.nodeName) return false;
  return statusOf(pod, containerOf(pod, container).name)?.state?.terminated === undefined;
}

/** Source: the kubelet's validateContainerLogStatus. @returns RFC 3339 */
function startOf(pod: V1Pod, container: string, previous: boolean): string {
  const what = `container "${container}" in pod "${nameOf(pod)}"`;
  const status = statusOf(pod, container);
  const last = status?.lastState?.terminated;
  if (previous) {
    if (last?.startedAt) return last.startedAt;
    throw badRequest(`previous terminated ${what} not found`);
  }
  if (status === undefined) throw badRequest(`${what} is not available`);
  const { running, terminated, waiting } = status.state ?? {};
  const startedAt = running?.startedAt ?? terminated?.startedAt ?? last?.startedAt;
  if (startedAt) return startedAt;
  const reason = waiting?.reason ?? "ContainerCreating";
  throw badRequest(`${what} is waiting to start: ${PULL_REASONS[reason] ?? reason}`);
}

const PULL_REASONS: Readonly<Record<string, string>> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: "trying and failing to pull image",
};

function statusOf({ status = {} }: V1Pod, container: string): V1ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = status;
  return [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find(
    ({ name }) => name === container,
  );
}

function nameOf({ metadata }: V1Pod): string {
  return metadata?.name ?? "";
}
