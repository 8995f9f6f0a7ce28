import { createHash } from "node:crypto";
import { apiVersionOf, type Kind } from "../api/kind.ts";
import { GROUP_ORDER, KINDS } from "../api/registry.ts";

interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly kinds: readonly Kind[];
}

/** Every served group and version, in the order of `/apis`. */
function groupVersions(): GroupVersion[] {
  const byName = new Map<string, GroupVersion & { kinds: Kind[] }>();
  for (const kind of KINDS) {
    const { group, version } = kind;
    const name = apiVersionOf(kind);
    const present = byName.get(name);
    if (present) present.kinds.push(kind);
    else byName.set(name, { group, version, kinds: [kind] });
  }
  return [...byName.values()].sort((a, b) => GROUP_ORDER.indexOf(a.group) - GROUP_ORDER.indexOf(b.group));
}

const SERVED = groupVersions();
const GROUPS = [...new Set(SERVED.map(({ group }) => group))].filter((group) => group !== "");

export function apiVersions(serverAddress: string): object {
  return {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress }],
  };
}

export function apiGroupList(): object {
  return { kind: "APIGroupList", apiVersion: "v1", groups: GROUPS.map(groupOf) };
}

/** @returns undefined when the group is not served */
export function apiGroup(group: string): object | undefined {
  return GROUPS.includes(group) ? { kind: "APIGroup", apiVersion: "v1", ...groupOf(group) } : undefined;
}

function groupOf(group: string) {
  const versions = SERVED.filter((one) => one.group === group).map(({ version }) => ({
    groupVersion: `${group}/${version}`,
    version,
  }));
  return { name: group, versions, preferredVersion: versions[0] };
}

/** @returns undefined when the group and version are not served */
export function apiResourceList(group: string, version: string): object | undefined {
  const served = SERVED.find((one) => one.group === group && one.version === version);
  if (served === undefined) return undefined;
  return {
    kind: "APIResourceList",
    // Kubernetes leaves the apiVersion out for the core group alone.
    ...(group === "" ? {} : { apiVersion: "v1" }),
    groupVersion: group === "" ? version : `${group}/${version}`,
    resources: served.kinds.flatMap(resourceRows),
  };
}

function resourceRows(kind: Kind): object[] {
  const { plural, singular, namespaced, verbs, shortNames, categories } = kind;
  const main = {
    name: plural,
    singularName: singular,
    namespaced,
    kind: kind.kind,
    verbs,
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(verbs.includes("get") ? { storageVersionHash: storageVersionHash(kind) } : {}),
  };
  const subresources = kind.subresources.map((one) => ({
    name: `${plural}/${one.name}`,
    singularName: "",
    namespaced,
    ...(one.group === undefined ? {} : { group: one.group }),
    ...(one.version === undefined ? {} : { version: one.version }),
    kind: one.kind,
    verbs: one.verbs,
  }));
  return [main, ...subresources];
}

/** base64 of the first 8 bytes of sha256("group/version/Kind") of the kind as it is stored. */
function storageVersionHash(kind: Kind): string {
  const stored = kind.stored?.kind ?? kind;
  const hash = createHash("sha256").update(`${stored.group}/${stored.version}/${stored.kind}`).digest();
  return hash.subarray(0, 8).toString("base64");
}

export interface AggregatedDocument {
  readonly body: string;
  readonly etag: string;
}

export const AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** `apidiscovery.k8s.io/v2`: all of `/api` or `/apis` in one document, with the tag clients revalidate by. */
export function aggregatedDiscovery(root: "api" | "apis"): AggregatedDocument {
  const groups = root === "api" ? [""] : GROUPS;
  const document = {
    kind: "APIGroupDiscoveryList",
    apiVersion: "apidiscovery.k8s.io/v2",
    metadata: {},
    items: groups.map((group) => ({
      metadata: group === "" ? {} : { name: group },
      versions: SERVED.filter((one) => one.group === group).map(({ version, kinds }) => ({
        version,
        resources: kinds.map(aggregatedResource),
        freshness: "Current",
      })),
    })),
  };
  const body = JSON.stringify(document);
  const etag = `"${createHash("sha512").update(body).digest("hex").toUpperCase()}"`;
  return { body: `${body}\n`, etag };
}

function aggregatedResource(kind: Kind): object {
  const { shortNames, categories, subresources } = kind;
  return {
    resource: kind.plural,
    responseKind: { group: "", version: "", kind: kind.kind },
    scope: kind.namespaced ? "Namespaced" : "Cluster",
    singularResource: kind.singular,
    verbs: kind.verbs,
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(subresources.length === 0
      ? {}
      : {
          subresources: subresources.map((one) => ({
            subresource: one.name,
            responseKind: { group: one.group ?? "", version: one.version ?? "", kind: one.kind },
            verbs: one.verbs,
          })),
        }),
  };
}

/** The paths `GET /` lists. */
export function rootPaths(): string[] {
  const groups = GROUPS.flatMap((group) => [
    `/apis/${group}`,
    ...SERVED.filter((one) => one.group === group).map(({ version }) => `/apis/${group}/${version}`),
  ]);
  return [
    "/api",
    "/api/v1",
    "/apis",
    ...groups,
    "/healthz",
    "/livez",
    "/openapi/v2",
    "/openapi/v3",
    "/readyz",
    "/version",
  ];
}
