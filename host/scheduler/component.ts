import type { V1Pod } from "../api/generated/types.ts";
import { Node, Pod, PodGroup } from "../api/registry.ts";
import { type Clock, sleep, type Timer } from "../apimachinery/clock.ts";
import { DEFAULT_FEATURE_GATES, type FeatureGates } from "../apimachinery/feature-gates.ts";
import type { Logger } from "../apimachinery/log.ts";
import { objectKey } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "../client/client.ts";
import { createEventRecorder } from "../client/event-recorder.ts";
import { SharedInformers } from "../client/informer.ts";
import { requireServed } from "../client/served.ts";
import { BoundedTasks } from "./bounded-tasks.ts";
import type { ClusterEvent } from "./cluster-events.ts";
import { ClusterWatch, holdsRoom, isFinished } from "./cluster-watch.ts";
import type { KubeSchedulerConfiguration } from "./configuration/kube-scheduler-configuration.ts";
import { isEnabled } from "./configuration/profile.ts";
import { schedulerNameOf } from "./configuration/profiles.ts";
import { readConfiguration } from "./configuration/read-configuration.ts";
import { CoreFeed } from "./core-feed.ts";
import type { DecidingScheduler } from "./deciding-scheduler.ts";
import { Evictions } from "./evictions.ts";
import { ExtendedDecisions } from "./extenders/extended-decisions.ts";
import { ExtenderService } from "./extenders/extender-service.ts";
import { type ClusterView, HttpExtender } from "./extenders/http-extender.ts";
import { GroupReport } from "./groups/group-report.ts";
import { groupKeyOf, PodGroups } from "./groups/pod-groups.ts";
import { createDecidingScheduler, type SchedulerOptions } from "./library.ts";
import type { SchedulerMetrics } from "./metrics/scheduler-metrics.ts";
import { PendingPods } from "./pending-pods.ts";
import { PodReport } from "./pod-report.ts";
import { SchedulingQueue } from "./queue.ts";
import { SchedulingCycle } from "./scheduling-cycle.ts";

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
  /** Pods that may wait in the queue at once; a million unless told otherwise. */
  readonly queueCapacity?: number;
  /** Where it counts what it does; absent: nowhere. */
  readonly metrics?: SchedulerMetrics;
  /** Of GenericWorkload and GangScheduling: pods of a group are decided together. Nobody asks for groups otherwise. */
  readonly featureGates?: FeatureGates;
  /** Makes the core, at first and whenever one has died. Each is closed. */
  readonly createCore?: () => Promise<DecidingScheduler>;
}

export interface SchedulerComponent {
  /** Judges pods for other schedulers. */
  readonly extender: ExtenderService;
  stop(): Promise<void>;
}

/** Bindings, reports and evictions in flight at once, and how many may wait before the next batch does. */
const WRITES = 64;
const WAITING_WRITES = 1024;
/** How long it waits before it tries again to make a core. */
const CORE_RETRY_MS = 1_000;

/**
 * The scheduler as a component: mirrors nodes and pods, and gives every waiting pod the node its core chooses.
 *
 * @returns when it has seen the whole cluster and has begun to schedule
 */
export async function startScheduler(options: SchedulerComponentOptions): Promise<SchedulerComponent> {
  const { client, clock, schedulerName = "default-scheduler" } = options;
  const log = options.log.child("scheduler");
  const random = options.random.fork("scheduler");
  const { config, metrics } = options;
  const configuration = config === undefined ? undefined : readConfiguration(config);
  const profiles = new Map(configuration?.profiles.map((profile) => [profile.schedulerName, profile]));
  const names = configuration === undefined ? [schedulerName] : [...profiles.keys()];
  const createCore = options.createCore ?? (() => makeCore(options, random.nextUint32(), log));
  const informers = new SharedInformers({ client, clock, random, log });
  // An event's reporting controller is the profile that speaks.
  const events = new Map(
    names.map((component) => [component, createEventRecorder({ client, clock, random, log, component })]),
  );
  const { featureGates = DEFAULT_FEATURE_GATES } = options;
  if (featureGates.GenericWorkload) await requireServed(client, PodGroup);
  const letGo = (key: string, why: string) => {
    queue.release(key, nowMs(), why);
    settle();
  };
  const groups = featureGates.GenericWorkload ? new PodGroups(featureGates, letGo) : undefined;
  const queue = new SchedulingQueue({
    ...(groups && { groupOf: groupKeyOf }),
    ...(configuration && {
      initialBackoffMs: configuration.podInitialBackoffSeconds * 1_000,
      maxBackoffMs: configuration.podMaxBackoffSeconds * 1_000,
    }),
    ...(options.queueCapacity === undefined ? {} : { capacity: options.queueCapacity }),
    ...(metrics && { onIncoming: (place, event) => metrics.incoming(place, event) }),
    gateOf: (pod) => {
      const profile = profiles.get(schedulerNameOf(pod));
      const holds = profile === undefined || isEnabled(profile, "preEnqueue", "SchedulingGates");
      if (holds && (pod.spec?.schedulingGates ?? []).length > 0) return "SchedulingGates";
      if (evictions.isPreempting(pod)) return "DefaultPreemption";
      const why = groups?.whyHeld(pod);
      if (why !== undefined) log.debug("pod waits for its group", { pod: objectKey(pod), why });
      return why === undefined ? undefined : "GangScheduling";
    },
  });
  const feed = new CoreFeed(await createCore(), log);
  metrics?.watch({ queue, feed });
  const report = new PodReport({ client, clock, events: (pod) => events.get(schedulerNameOf(pod))!, log });
  const pods = informers.get(Pod);
  const pending = new PendingPods({
    queue,
    clock,
    log,
    isOurs: (pod) => names.includes(schedulerNameOf(pod)),
    waiting: () => pods.lister.list().filter((pod) => isWaiting(pod, feed)),
  });

  let started = false;
  let stopped = false;
  let timer: Timer | undefined;
  const nowMs = () => clock.monotonicMs();
  /** After anything moved: work if there is work, and come back when the queue next has something to do by itself. */
  const settle = () => {
    if (!started) return;
    pending.refill();
    cycle.wake();
    timer?.cancel();
    const delayMs = queue.nextTickMs(nowMs());
    if (delayMs === undefined) return;
    timer = clock.setTimeout(() => {
      queue.tick(nowMs());
      settle();
    }, delayMs);
  };
  const happened = (cause: readonly ClusterEvent[]) => {
    for (const event of cause) queue.happened(event, nowMs());
    settle();
  };
  const watch = new ClusterWatch({
    informers,
    feed,
    groups,
    pending: {
      isOurs: (pod) => pending.isOurs(pod),
      has: (key) => pending.has(key),
      remove: (key) => pending.remove(key),
      put,
    },
    happened,
  });
  function put(pod: V1Pod): void {
    pending.put(pod);
    settle();
  }
  /** The core has died, and what it knew with it: another takes its place, filled from the caches. */
  const reviveCore = async () => {
    await feed.core.close().catch((error: unknown) => log.warn("core not closed", { error: String(error) }));
    while (!stopped) {
      try {
        const core = await createCore();
        feed.replaceCore(core, () => watch.refill());
        log.info("the scheduler core was started again", { nodes: feed.nodeCount });
        return;
      } catch (error) {
        log.error("the scheduler core cannot be started", { error: String(error) });
        await sleep(clock, CORE_RETRY_MS);
      }
    }
  };
  const writes = new BoundedTasks(WRITES, WAITING_WRITES);
  const evictions = new Evictions({
    client,
    clock,
    log,
    report,
    metrics,
    writes,
    find: (key) => pods.lister.get(key),
    cancel: (key, message) => cycle.cancel(key, message),
    activate: (key) => {
      queue.activate(key, nowMs());
      settle();
    },
    release: (key) => {
      queue.release(key, nowMs());
      settle();
    },
  });
  const view: ClusterView = {
    node: (name) => informers.get(Node).lister.get(name),
    pod: (key) => pods.lister.get(key),
  };
  const asked = (configuration?.extenders ?? []).map((one) => new HttpExtender(one, clock, view));
  const draws = options.ties === "random" ? random.fork("extenders") : undefined;
  const extended = asked.length === 0 ? undefined : new ExtendedDecisions(asked, draws, log);
  const cycle: SchedulingCycle = new SchedulingCycle(
    {
      client,
      clock,
      log,
      queue,
      feed,
      report,
      metrics,
      extended,
      reviveCore,
      writes,
      preempt: (...preemption) => evictions.start(...preemption),
      ...(groups && {
        groups: {
          groups,
          groupReport: new GroupReport({ client, clock, log }),
          find: (key: string) => pods.lister.get(key),
        },
      }),
    },
    settle,
  );

  informers.start();
  await informers.synced();
  started = true;
  settle();
  return {
    extender: new ExtenderService({ client, core: () => feed.core.stepwise, cluster: view }),
    stop: async () => {
      started = false;
      stopped = true;
      timer?.cancel();
      informers.stop();
      await cycle.stop();
      for (const recorder of events.values()) recorder.stop();
      await feed.core.close();
    },
  };
}

function makeCore(options: SchedulerComponentOptions, seed: number, log: Logger): Promise<DecidingScheduler> {
  const { ties, thread, capacity, config } = options;
  return createDecidingScheduler({
    seed,
    onWarning: (text) => log.warn(text),
    ...(config === undefined ? {} : { config }),
    ...(ties === undefined ? {} : { ties }),
    ...(thread === undefined ? {} : { thread }),
    ...(capacity === undefined ? {} : { capacity }),
  });
}

/** Neither bound, nor finished, nor assumed. */
function isWaiting(pod: V1Pod, feed: CoreFeed): boolean {
  if (holdsRoom(pod) || pod.spec?.nodeName || isFinished(pod)) return false;
  return !feed.isPlaced(objectKey(pod), pod.metadata?.uid ?? "");
}
