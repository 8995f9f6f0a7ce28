import { required } from "../apimachinery/field-error.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { column, nameColumn, wideColumn } from "./columns.ts";
import { formatAge } from "./duration.ts";
import { validateEvent, validateNewStyle } from "./event-validation.ts";
import type { CoreV1Event, EventsV1Event } from "./generated/types.ts";
import type { Column, KindRules } from "./kind.ts";

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

function firstSeen(event: CoreV1Event): string | undefined {
  return event.firstTimestamp || event.eventTime;
}

/** Series of the newer recorders, timestamps of the older ones. */
function lastSeen(event: CoreV1Event): string | undefined {
  return event.series?.lastObservedTime || event.lastTimestamp || firstSeen(event);
}

function source({ source, reportingComponent, reportingInstance }: CoreV1Event): string {
  const component = source?.component || reportingComponent || "";
  const host = source?.host || reportingInstance || "";
  return host === "" ? component : `${component}, ${host}`;
}

const columns: readonly Column<CoreV1Event>[] = [
  column("Last Seen", (event, nowMs) => formatAge(lastSeen(event), nowMs)),
  column("Type", ({ type }) => type ?? ""),
  column("Reason", ({ reason }) => reason ?? ""),
  column("Object", ({ involvedObject: { kind = "", name } }) =>
    name ? `${kind.toLowerCase()}/${name}` : kind.toLowerCase(),
  ),
  wideColumn("Subobject", ({ involvedObject }) => involvedObject.fieldPath ?? ""),
  wideColumn("Source", source),
  column("Message", ({ message }) => (message ?? "").trim()),
  wideColumn("First Seen", (event, nowMs) => formatAge(firstSeen(event), nowMs)),
  wideColumn("Count", ({ series, count }) => series?.count ?? (count || 1)),
  { ...nameColumn, priority: 1 },
];

/** The names differ between the two versions of the kind, the values do not. */
function selectable(object: string, component: string) {
  const part = (name: string) => `${object}.${name}`;
  return {
    selectableFieldNames: [
      ...["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"].map(part),
      "reason",
      component,
      "source",
      "type",
    ],
    selectableFields(event: CoreV1Event): Record<string, string> {
      const of = event.involvedObject;
      return {
        [part("kind")]: of.kind ?? "",
        [part("namespace")]: of.namespace ?? "",
        [part("name")]: of.name ?? "",
        [part("uid")]: of.uid ?? "",
        [part("apiVersion")]: of.apiVersion ?? "",
        [part("resourceVersion")]: of.resourceVersion ?? "",
        [part("fieldPath")]: of.fieldPath ?? "",
        reason: event.reason ?? "",
        [component]: event.reportingComponent ?? "",
        source: event.source?.component || (event.reportingComponent ?? ""),
        type: event.type ?? "",
      };
    },
  };
}

/** Source: api-policy 6.5; api-wire 13, 20. */
export const eventRules: KindRules<CoreV1Event> = {
  validate: validateEvent,
  columns,
  ...selectable("involvedObject", "reportingComponent"),
};

const eventsV1Fields = selectable("regarding", "reportingController");

/** The rules of events.k8s.io/v1 look at an object through its stored form. */
export const eventsV1Rules: KindRules<EventsV1Event> = {
  // Whoever writes to this group is a recorder of the new style.
  validateCreate: (event) =>
    event.eventTime ? [] : [required("eventTime"), ...validateNewStyle(toCore(event))],
  columns: columns.map((one) => ({ ...one, cell: (event, nowMs) => one.cell(toCore(event), nowMs) })),
  selectableFieldNames: eventsV1Fields.selectableFieldNames,
  selectableFields: (event) => eventsV1Fields.selectableFields(toCore(event)),
};
