import { Event } from "../api/core-kinds.ts";
import type { CoreV1Event } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import { apiVersionOf } from "../api/kind.ts";
import { type Clock, formatTime, sleep } from "../apimachinery/clock.ts";
import { isReason } from "../apimachinery/errors.ts";
import type { Logger } from "../apimachinery/log.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Client } from "./client.ts";
import { type CountedEvent, EventCorrelator } from "./event-correlator.ts";

export interface EventRecorder {
  /**
   * Says that something happened to `object`; sent in the background, in order.
   *
   * @param kind  the object's kind: objects out of a list do not name it themselves
   * @param fieldPath  a part of the object, such as `spec.containers{web}`
   * @param more       what was being done, and the other object that it was done for
   */
  event(
    kind: Kind,
    object: KubernetesObject,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
    fieldPath?: string,
    more?: Pick<CoreV1Event, "action" | "related">,
  ): void;
  /** Resolves when everything said so far has been sent or given up. */
  flush(): Promise<void>;
  stop(): void;
}

export interface EventRecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** `deployment-controller`: source.component and reportingComponent. */
  readonly component: string;
  /** The machine it runs on, for a node's own component: source.host and reportingInstance. */
  readonly host?: string;
}

/** client-go tools/events: a queue of 1000; what does not fit is dropped, which is logged once until there is room again. */
const QUEUE_CAPACITY = 1000;
/**
 * How many are sent at once. One at a time waits for the disk each time, and drops nearly all of a burst; client-go sends as
 * many as come. A few keep them from standing in the way of what they are about.
 */
const SENDERS = 8;
const TRIES = 12;
const RETRY_DELAY_MS = 10_000;

/** Records core/v1 Events: similar ones are counted in one object, a flood is cut off (event-correlator.ts). */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, random, log, component, host } = options;
  const correlator = new EventCorrelator(clock);
  const queue: CoreV1Event[] = [];
  let stopped = false;
  let senders = 0;
  let dropped = 0;
  let named = 0;
  let idle: (() => void)[] = [];
  /** Objects that an event is being sent about: the next one about them is counted after it. */
  const underWay = new Map<string, Promise<void>>();

  const drain = async () => {
    for (let event = queue.shift(); event !== undefined && !stopped; event = queue.shift()) {
      const { namespace = "", name = "", uid = "" } = event.involvedObject;
      const about = `${namespace}/${name}/${uid}`;
      const before = underWay.get(about);
      const sent = before === undefined ? sendOne(event) : before.then(() => sendOne(event));
      underWay.set(about, sent);
      await sent;
      if (underWay.get(about) === sent) underWay.delete(about);
    }
    senders--;
    if (senders > 0) return;
    if (dropped > 0) log.warn("events dropped, too many waited", { events: dropped });
    dropped = 0;
    const waiting = idle;
    idle = [];
    for (const resolve of waiting) resolve();
  };

  const sendOne = async (event: CoreV1Event) => {
    const counted = correlator.correlate(event);
    if (counted !== undefined) await deliver(counted);
  };

  const deliver = async (counted: CountedEvent) => {
    for (let attempt = 1; !stopped; attempt++) {
      try {
        correlator.remember(counted, await send(counted));
        return;
      } catch (error) {
        // A refused event (its namespace is gone, its object vanished) will not be accepted later either.
        const permanent =
          isReason(error, "NotFound") || isReason(error, "Forbidden") || isReason(error, "Invalid");
        if (permanent || attempt === TRIES) {
          log.debug("event not recorded", { reason: counted.event.reason, error: String(error) });
          return;
        }
        if (isReason(error, "AlreadyExists")) continue;
        await sleep(clock, attempt === 1 ? random.below(RETRY_DELAY_MS) : RETRY_DELAY_MS);
      }
    }
  };

  const send = async ({ event, storedName }: CountedEvent): Promise<CoreV1Event> => {
    if (storedName !== undefined) {
      try {
        const reference = { namespace: event.metadata.namespace, name: storedName };
        const { count, lastTimestamp, message } = event;
        return await client.patch(Event, reference, {
          type: "strategic",
          body: { count, lastTimestamp, message },
        });
      } catch (error) {
        if (!isReason(error, "NotFound")) throw error;
        // The stored event has expired: it starts again as a new object.
      }
    }
    return client.create(Event, { ...event, metadata: { ...event.metadata, name: uniqueName(event) } });
  };

  /**
   * `web.18a1b2c3d4e5f607`: the object's name and a hexadecimal time in nanoseconds. Within a millisecond a count keeps
   * events in order, because kubectl lists those of one second by name; what is drawn keeps components apart.
   */
  const uniqueName = (event: CoreV1Event) => {
    const nanos = BigInt(clock.nowMs()) * 1_000_000n + BigInt((named++ % 1000) * 1000 + random.below(1000));
    return `${event.involvedObject.name}.${nanos.toString(16)}`;
  };

  return {
    event: (kind, object, type, reason, message, fieldPath, more = {}) => {
      if (stopped) return;
      if (queue.length >= QUEUE_CAPACITY) {
        if (dropped === 0) log.warn("event dropped, too many wait", { reason });
        dropped++;
        return;
      }
      const now = formatTime(clock.nowMs());
      const { namespace, name, uid, resourceVersion } = object.metadata ?? {};
      queue.push({
        apiVersion: "v1",
        kind: "Event",
        metadata: { namespace: namespace ?? "default" },
        involvedObject: {
          kind: kind.kind,
          ...(namespace === undefined ? {} : { namespace }),
          name,
          uid,
          apiVersion: apiVersionOf(kind),
          resourceVersion,
          ...(fieldPath === undefined ? {} : { fieldPath }),
        },
        reason,
        message,
        source: host === undefined ? { component } : { component, host },
        firstTimestamp: now,
        lastTimestamp: now,
        count: 1,
        type,
        reportingComponent: component,
        reportingInstance: host ?? "",
        ...more,
      });
      if (senders === SENDERS) return;
      senders++;
      void drain();
    },
    flush: async () => {
      while (senders > 0) await new Promise<void>((resolve) => idle.push(resolve));
    },
    stop: () => {
      stopped = true;
      queue.length = 0;
    },
  };
}
