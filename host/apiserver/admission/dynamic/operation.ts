import { apiVersionOf, type Kind } from "../../../api/kind.ts";
import type { User, WriteContext } from "../../api.ts";
import { asServed } from "../../storage/convert.ts";
import { storageKind } from "../../storage/keys.ts";
import type { AnyObject } from "../../storage/view.ts";
import type { Attributes } from "../chain.ts";

export type OperationName = "CREATE" | "UPDATE" | "DELETE" | "CONNECT";

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** One write as webhooks and policies are told of it; the object itself goes beside it, since it changes on its way. */
export interface Operation {
  readonly name: OperationName;
  /** The kind in the version the client asked in. */
  readonly asked: Kind;
  readonly subresource?: string;
  readonly namespace?: string;
  /** Of the object; empty as long as it has none. */
  readonly objectName: string;
  /** As errors call it: the name, or the beginning of one that is still to be made up. */
  readonly shownName: string;
  /** What it was, as it is stored. */
  readonly old?: AnyObject;
  /** CreateOptions, UpdateOptions or DeleteOptions. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly user: User;
  readonly dryRun: boolean;
  /** Whether the object is one of the kind's own; else it is a document of a subresource, as a Scale, in one version alone. */
  readonly isWhole: boolean;
}

const NAMES = { create: "CREATE", update: "UPDATE", delete: "DELETE" } as const;
const OPTIONS = { CREATE: "CreateOptions", UPDATE: "UpdateOptions", DELETE: "DeleteOptions" } as const;

/** Subresources whose document is another kind's. */
const WINDOWS = new Set(["binding", "eviction", "scale", "token"]);

export function operationOf(attributes: Attributes, context: WriteContext): Operation {
  const { verb, kind, asked = kind, subresource, object, old } = attributes;
  const name = NAMES[verb];
  const objectName = object?.metadata?.name ?? old?.metadata?.name ?? attributes.targetName ?? "";
  const isNamespace = kind.group === "" && kind.plural === "namespaces";
  return {
    name,
    asked,
    ...(subresource === undefined ? {} : { subresource }),
    // A namespace is in itself.
    ...(isNamespace ? { namespace: objectName } : kind.namespaced ? { namespace: attributes.namespace } : {}),
    objectName,
    shownName: objectName || attributes.name,
    ...(old === undefined ? {} : { old }),
    options: {
      kind: OPTIONS[name],
      apiVersion: "meta.k8s.io/v1",
      ...(context.dryRun ? { dryRun: ["All"] } : {}),
      ...context.asked,
      ...attributes.options,
    },
    user: context.user,
    dryRun: context.dryRun,
    isWhole: subresource === undefined || !WINDOWS.has(subresource),
  };
}

/** The document's kind: the object's own, or that of its subresource. */
export function documentKind({ subresource }: Operation, kind: Kind): GroupVersionKind {
  const declared = kind.subresources.find(({ name }) => name === subresource);
  return {
    group: declared?.group ?? kind.group,
    version: declared?.version ?? kind.version,
    kind: declared?.kind ?? kind.kind,
  };
}

export function resourceOf({ group, version, plural }: Kind): GroupVersionResource {
  return { group, version, resource: plural };
}

/** The object as a version of its kind shows it; undefined stays so. */
export function inVersion(
  { isWhole }: Operation,
  kind: Kind,
  stored: AnyObject | undefined,
): AnyObject | undefined {
  if (stored === undefined || !isWhole) return stored;
  const { kind: name, apiVersion: _, ...rest } = asServed(kind, stored);
  return { kind: name, apiVersion: apiVersionOf(kind), ...rest };
}

/** Every version that the same objects are served in, the one that was asked for first. */
export function versionsOf({ asked, isWhole }: Operation, all: readonly Kind[]): readonly Kind[] {
  // A webhook of conversion is not asked for a webhook of admission: such objects are shown as they came.
  if (!isWhole || asked.custom?.conversion !== undefined) return [asked];
  const { group, plural } = storageKind(asked);
  const others = all.filter((one) => {
    const stored = storageKind(one);
    return one !== asked && stored.group === group && stored.plural === plural;
  });
  return [asked, ...others];
}
