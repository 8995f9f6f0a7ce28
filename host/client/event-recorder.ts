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

/** client-go tools/events: a queue of 1000; what does not fit is dropped and logged. */
const QUEUE_CAPACITY = 1000;
const TRIES = 12;
const RETRY_DELAY_MS = 10_000;

/** Records core/v1 Events: similar ones are counted in one object, a flood is cut off (event-correlator.ts). */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, random, log, component, host } = options;
  const correlator = new EventCorrelator(clock);
  const queue: CoreV1Event[] = [];
  let stopped = false;
  let sending: Promise<void> = Promise.resolve();
  let busy = false;
  let named = 0;

  const drain = async () => {
    for (let event = queue.shift(); event !== undefined && !stopped; event = queue.shift()) {
      const counted = correlator.correlate(event);
      if (counted === undefined) continue;
      await deliver(counted);
    }
    busy = false;
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
        log.warn("event dropped, too many wait", { reason });
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
      if (busy) return;
      busy = true;
      sending = drain();
    },
    flush: async () => {
      while (busy) await sending;
    },
    stop: () => {
      stopped = true;
      queue.length = 0;
    },
  };
}
