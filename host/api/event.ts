import type { KubernetesObject } from "../apimachinery/object.ts";
import type { CoreV1Event, EventsV1Event } from "./generated/types.ts";

/**
 * Events are stored as core/v1; events.k8s.io/v1 has the same fields under other names. Fields that only the old
 * version has become `deprecated…`. Source: k8s.io/kubernetes/pkg/apis/events/v1/conversion.go.
 */
export const eventConversion = {
  toStored: (object: KubernetesObject): KubernetesObject => toCore(object as EventsV1Event),
  fromStored: (object: KubernetesObject): KubernetesObject => fromCore(object as CoreV1Event),
};

function toCore(event: EventsV1Event): CoreV1Event {
  const {
    regarding,
    note,
    deprecatedSource,
    deprecatedFirstTimestamp,
    deprecatedLastTimestamp,
    deprecatedCount,
    reportingController,
    ...same
  } = event;
  return {
    ...same,
    apiVersion: "v1",
    kind: "Event",
    metadata: event.metadata ?? {},
    involvedObject: regarding ?? {},
    ...given("message", note),
    ...given("source", deprecatedSource),
    ...given("firstTimestamp", deprecatedFirstTimestamp),
    ...given("lastTimestamp", deprecatedLastTimestamp),
    ...given("count", deprecatedCount),
    ...given("reportingComponent", reportingController),
  };
}

function fromCore(event: CoreV1Event): EventsV1Event {
  const {
    involvedObject,
    message,
    source,
    firstTimestamp,
    lastTimestamp,
    count,
    reportingComponent,
    eventTime,
    ...same
  } = event;
  return {
    ...same,
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: event.metadata,
    regarding: involvedObject,
    ...given("eventTime", eventTime),
    ...given("note", message),
    ...given("deprecatedSource", source),
    ...given("deprecatedFirstTimestamp", firstTimestamp),
    ...given("deprecatedLastTimestamp", lastTimestamp),
    ...given("deprecatedCount", count),
    ...given("reportingController", reportingComponent),
  } as EventsV1Event;
}

function given<K extends string, V>(name: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, V>);
}
