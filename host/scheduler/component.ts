import type { V1Node, V1Pod } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import {
  Namespace,
  Node,
  Pod,
  ReplicaSet,
  ReplicationController,
  Service,
  StatefulSet,
} from "../api/registry.ts";
import type { Clock, Timer } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/log.ts";
import { objectKey } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { createEventRecorder } from "../client/event-recorder.ts";
import { SharedInformers } from "../client/informer.ts";
import type { KubeSchedulerConfiguration } from "./configuration/kube-scheduler-configuration.ts";
import { schedulerNameOf } from "./configuration/profiles.ts";
import { readConfiguration } from "./configuration/read-configuration.ts";
import { CoreFeed } from "./core-feed.ts";
import { createScheduler, type Scheduler, type SchedulerOptions } from "./library.ts";
import { PodReport } from "./pod-report.ts";
import { SchedulingQueue } from "./queue.ts";
import { type ClusterEvent, nodeEvents, podEvents } from "./requeue-rules.ts";
import { SchedulingCycle } from "./scheduling-cycle.ts";
import { STORAGE_KINDS, storageEvents } from "./storage-events.ts";

export interface SchedulerComponentOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Pods with this spec.schedulerName are scheduled; default-scheduler unless told otherwise. */
  readonly schedulerName?: string;
  /** Profiles for the pods that name them, instead of the default profile for those of `schedulerName`. */
  readonly config?: KubeSchedulerConfiguration;
  readonly ties?: SchedulerOptions["ties"];
  readonly thread?: SchedulerOptions["thread"];
  readonly capacity?: SchedulerOptions["capacity"];
  /** The core to use instead of a new one; it is closed at stop all the same. */
  readonly core?: Scheduler;
}

/** What decisions read besides nodes and pods: the system's default spreading, labels of namespaces, and storage. */
const READ_BY_DECISIONS: readonly Kind[] = [
  Namespace,
  Service,
  ReplicationController,
  ReplicaSet,
  StatefulSet,
  ...STORAGE_KINDS,
];

/**
 * The scheduler as a component: mirrors nodes and pods, and gives every waiting pod the node its core chooses.
 *
 * @returns when it has seen the whole cluster and has begun to schedule
 */
export async function startScheduler(options: SchedulerComponentOptions): Promise<{ stop(): Promise<void> }> {
  const { client, clock, schedulerName = "default-scheduler" } = options;
  const log = options.log.child("scheduler");
  const random = options.random.fork("scheduler");
  const { ties, thread, capacity, config } = options;
  const configuration = config === undefined ? undefined : readConfiguration(config);
  const names = configuration?.profiles.map((profile) => profile.schedulerName) ?? [schedulerName];
  const core =
    options.core ??
    (await createScheduler({
      seed: random.nextUint32(),
      onWarning: (text) => log.warn(text),
      ...(config === undefined ? {} : { config }),
      ...(ties === undefined ? {} : { ties }),
      ...(thread === undefined ? {} : { thread }),
      ...(capacity === undefined ? {} : { capacity }),
    }));
  const informers = new SharedInformers({ client, clock, random, log });
  // An event's reporting controller is the profile that speaks.
  const events = new Map(
    names.map((component) => [component, createEventRecorder({ client, clock, random, log, component })]),
  );
  const queue = new SchedulingQueue(
    configuration && {
      initialBackoffMs: configuration.podInitialBackoffSeconds * 1_000,
      maxBackoffMs: configuration.podMaxBackoffSeconds * 1_000,
    },
  );
  const feed = new CoreFeed(core, log);
  const report = new PodReport({ client, clock, events: (pod) => events.get(schedulerNameOf(pod))!, log });
  const cycle = new SchedulingCycle({ client, clock, log, queue, core, feed, report }, () => settle());

  let started = false;
  let timer: Timer | undefined;
  /** After anything moved: work if there is work, and come back when the queue next has something to do by itself. */
  const settle = () => {
    if (!started) return;
    cycle.wake();
    timer?.cancel();
    const delayMs = queue.nextTickMs(clock.nowMs());
    if (delayMs === undefined) return;
    timer = clock.setTimeout(() => {
      queue.tick(clock.nowMs());
      settle();
    }, delayMs);
  };
  const happened = (cause: readonly ClusterEvent[]) => {
    for (const event of cause) queue.happened(event, clock.nowMs());
    settle();
  };

  const sawPod = (old: V1Pod | undefined, pod: V1Pod) => {
    const key = objectKey(pod);
    const was = old !== undefined && holdsRoom(old);
    if (holdsRoom(pod)) {
      queue.remove(key);
      const changes = was ? podEvents(old, pod) : [];
      if (was && changes.length === 0) {
        // Spreading does not count a pod that is being deleted; that alone brings no waiting pod back (5.6).
        if (isTerminating(pod) && !isTerminating(old)) feed.putPod(pod, true);
        return;
      }
      feed.putPod(pod, changes.length > 0);
      happened(was ? changes : ["AssignedPodAdd"]);
    } else if (was) {
      feed.removePod(key);
      happened(["AssignedPodDelete"]);
    } else if (isFinished(pod)) {
      queue.remove(key);
    } else if (names.includes(schedulerNameOf(pod))) {
      // Bound already, only the watch has not shown it: an older change must not queue the pod a second time.
      if (queue.placeOf(key) === undefined && feed.isPlaced(key, pod.metadata?.uid ?? "")) return;
      queue.put(pod, clock.nowMs());
      settle();
    }
  };
  const lostPod = (pod: V1Pod) => {
    const key = objectKey(pod);
    queue.remove(key);
    feed.removePod(key);
    if (holdsRoom(pod)) happened(["AssignedPodDelete"]);
  };

  const nodes = informers.get(Node);
  const pods = informers.get(Pod);
  nodes.addHandler({
    onAdd: (node) => {
      feed.putNode(node);
      happened(["NodeAdd"]);
    },
    onUpdate: (old, node) => {
      const changes = nodeEvents(old, node);
      if (changes.length === 0) return;
      feed.putNode(node);
      happened(changes);
    },
    onDelete: (node: V1Node) => {
      feed.removeNode(node.metadata?.name ?? "");
      happened(["NodeDelete"]);
    },
  });
  pods.addHandler({
    onAdd: (pod) => sawPod(undefined, pod),
    onUpdate: sawPod,
    onDelete: lostPod,
  });
  for (const kind of READ_BY_DECISIONS) {
    informers.get(kind).addHandler({
      onAdd: (object) => {
        feed.putObject(kind, object);
        happened(storageEvents(kind, undefined, object));
      },
      onUpdate: (old, object) => {
        feed.putObject(kind, object);
        happened(storageEvents(kind, old, object));
      },
      onDelete: (object) => {
        feed.removeObject(kind, object);
        happened(storageEvents(kind, object, undefined));
      },
    });
  }
  informers.start();
  await informers.synced();
  started = true;
  settle();
  return {
    stop: async () => {
      started = false;
      timer?.cancel();
      informers.stop();
      await cycle.stop();
      for (const recorder of events.values()) recorder.stop();
      await core.close();
    },
  };
}

/** A pod takes room on its node from its binding until it has finished. */
function holdsRoom(pod: V1Pod): boolean {
  return Boolean(pod.spec?.nodeName) && !isFinished(pod);
}

function isTerminating(pod: V1Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined;
}

function isFinished(pod: V1Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}
