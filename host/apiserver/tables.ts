import type { Column, Kind } from "../api/kind.ts";
import type { AnyObject, View } from "./storage/view.ts";

/** Which form of the object stands beside its row. */
export type IncludeObject = "None" | "Metadata" | "Object";

export interface TableMeta {
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

const NAME: Column<AnyObject> = { name: "Name", cell: (object) => object.metadata?.name ?? "" };
const CREATED: Column<AnyObject> = {
  name: "Created At",
  type: "date",
  cell: (object) => object.metadata?.creationTimestamp ?? "",
};

const NAME_DESCRIPTION =
  "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a " +
  "client to request the generation of an appropriate name automatically. Name is primarily intended for creation " +
  "idempotence and configuration definition. Cannot be updated. More info: " +
  "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";

function columnsOf(kind: Kind): readonly Column<AnyObject>[] {
  return (kind.columns as readonly Column<AnyObject>[] | undefined) ?? [NAME, CREATED];
}

/** `meta.k8s.io/v1` Table of one object: every cell, also those only `-o wide` shows. Source: api-wire 13. */
export function tableOf(kind: Kind, view: View, include: IncludeObject, nowMs: number): object {
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: { resourceVersion: view.object.metadata?.resourceVersion },
    columnDefinitions: columnDefinitions(kind),
    rows: [row(kind, view, include, nowMs)],
  };
}

/** One event of a watched Table: the columns come with the first only. */
export function tableEvent(
  kind: Kind,
  view: View,
  include: IncludeObject,
  nowMs: number,
  isFirst: boolean,
): object {
  const table = tableOf(kind, view, include, nowMs);
  return isFirst ? table : { ...table, columnDefinitions: null };
}

/** The columns of a kind, as a Table names them. */
export function columnDefinitions(kind: Kind): object[] {
  return columnsOf(kind).map(({ name, type = "string", format, description, priority = 0 }) => ({
    name,
    type,
    format: format ?? (name === "Name" ? "name" : ""),
    description: description ?? (name === "Name" ? NAME_DESCRIPTION : ""),
    priority,
  }));
}

export function row(kind: Kind, view: View, include: IncludeObject, nowMs: number): object {
  const { object } = view;
  const conditions = kind.rowConditions?.(object) ?? [];
  return {
    cells: columnsOf(kind).map((column) => column.cell(object, nowMs)),
    ...(conditions.length > 0 ? { conditions } : {}),
    object: include === "None" ? null : include === "Object" ? object : partialObject(object),
  };
}

/** Metadata alone, as garbage collectors and metadata informers ask for. */
export function partialObject(object: AnyObject): object {
  return {
    kind: "PartialObjectMetadata",
    apiVersion: "meta.k8s.io/v1",
    metadata: object.metadata ?? {},
  };
}
