import { createHash } from "node:crypto";
import type {
  V1Container,
  V1ContainerStatus,
  V1EphemeralContainer,
  V1Pod,
  V1VolumeMountStatus,
} from "../api/generated/types.ts";
import { needsRestart } from "./pod-resize.ts";

/**
 * The status of one container as the kubelet reports it. There is no process behind it: what a runtime would choose
 * (container ids, image digests) is derived from names, so that it is the same in every run and after a restart.
 * Source: kubelet sheet 1.1, 1.5 and 1.7.
 */
type AnyContainer = V1Container | V1EphemeralContainer;

/** A container that has not started: `reason` is PodInitializing while there are init containers, else ContainerCreating. */
export function waiting(container: AnyContainer, reason: string): V1ContainerStatus {
  return {
    name: container.name,
    state: { waiting: { reason } },
    lastState: {},
    ready: false,
    restartCount: 0,
    image: container.image ?? "",
    imageID: "",
    started: false,
  };
}

/**
 * A container that runs and is ready. One that runs already keeps its id and times; one whose image has changed is
 * replaced, and its end stands in lastState.
 *
 * @param now  the API's time format
 */
export function running(
  pod: V1Pod,
  container: AnyContainer,
  previous: V1ContainerStatus | undefined,
  now: string,
): V1ContainerStatus {
  const image = runtimeImageName(container.image ?? "");
  const same =
    previous?.state?.running !== undefined && previous.image === image && !needsRestart(container, previous);
  const replaced = previous?.state?.running !== undefined && !same;
  const restartCount = (previous?.restartCount ?? 0) + (replaced ? 1 : 0);
  return {
    name: container.name,
    state: { running: { startedAt: same ? previous.state?.running?.startedAt : now } },
    lastState: replaced ? terminatedState(previous, SIGTERM_EXIT, now) : (previous?.lastState ?? {}),
    ready: true,
    restartCount,
    image,
    imageID: imageId(image),
    containerID: same ? previous.containerID : containerId(pod, container.name, restartCount),
    started: true,
    ...allocated(container),
    ...mounts(container),
  };
}

/** A regular init container that has done its work. One that is reported so already keeps its times. */
export function completed(
  pod: V1Pod,
  container: V1Container,
  previous: V1ContainerStatus | undefined,
  now: string,
): V1ContainerStatus {
  if (previous?.state?.terminated !== undefined) return previous;
  const status = running(pod, container, previous, now);
  return { ...status, state: terminatedState(status, 0, now), ready: true, started: false };
}

/** A container that has ended. One that never started stays as it is; one that ended before keeps its end. */
export function stopped(previous: V1ContainerStatus, exitCode: number, now: string): V1ContainerStatus {
  if (previous.state?.running === undefined) return { ...previous, ready: false, started: false };
  return {
    ...previous,
    state: terminatedState(previous, exitCode, now),
    ready: false,
    started: false,
  };
}

/** 128 + SIGTERM. */
export const SIGTERM_EXIT = 143;

function terminatedState(status: V1ContainerStatus, exitCode: number, now: string) {
  return {
    terminated: {
      exitCode,
      reason: exitCode === 0 ? "Completed" : "Error",
      startedAt: status.state?.running?.startedAt,
      finishedAt: now,
      containerID: status.containerID,
    },
  };
}

function allocated(container: AnyContainer): Pick<V1ContainerStatus, "allocatedResources" | "resources"> {
  const { requests, limits } = container.resources ?? {};
  return {
    ...(requests === undefined ? {} : { allocatedResources: requests }),
    resources: {
      ...(limits === undefined ? {} : { limits }),
      ...(requests === undefined ? {} : { requests }),
    },
  };
}

function mounts(container: AnyContainer): Pick<V1ContainerStatus, "volumeMounts"> {
  if (!container.volumeMounts?.length) return {};
  return {
    volumeMounts: container.volumeMounts.map(
      ({ name, mountPath, readOnly }): V1VolumeMountStatus => ({
        name,
        mountPath,
        ...(readOnly === true ? { readOnly, recursiveReadOnly: "Disabled" } : {}),
      }),
    ),
  };
}

/** `nginx` to `docker.io/library/nginx:latest`: the name under which a runtime knows an image. */
export function runtimeImageName(image: string): string {
  const slash = image.indexOf("/");
  const first = slash < 0 ? "" : image.slice(0, slash);
  const hasRegistry = first.includes(".") || first.includes(":") || first === "localhost";
  const path = hasRegistry ? image : `docker.io/${slash < 0 ? `library/${image}` : image}`;
  const last = path.slice(path.lastIndexOf("/") + 1);
  return last.includes(":") || last.includes("@") ? path : `${path}:latest`;
}

/** `docker.io/library/nginx@sha256:…`; an image given by digest is its own id. */
function imageId(image: string): string {
  if (image.includes("@")) return image;
  const colon = image.lastIndexOf(":");
  return `${image.slice(0, colon)}@sha256:${sha256(image)}`;
}

function containerId(pod: V1Pod, container: string, restartCount: number): string {
  return `pintle://${sha256(`${pod.metadata?.uid}/${container}/${restartCount}`)}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
