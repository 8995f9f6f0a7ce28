import { createHash } from "node:crypto";
import { apiVersionOf, type Kind } from "../api/kind.ts";
import { GROUP_ORDER } from "../api/registry.ts";
import { CUSTOM_PRIORITY } from "./aggregation/local-services.ts";
import type { RemoteVersion } from "./aggregation/remote-version.ts";
import type { Api } from "./api.ts";

interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly kinds: readonly Kind[];
  /** Another server's. */
  readonly remote?: RemoteVersion;
}

/**
 * Every served group and version, in the order of `/apis`: the built-in groups first, then the others by priority and
 * name.
 */
function groupVersions(kinds: readonly Kind[], remotes: readonly RemoteVersion[]): GroupVersion[] {
  const byName = new Map<string, GroupVersion & { kinds: Kind[] }>();
  for (const kind of kinds) {
    const { group, version } = kind;
    const name = apiVersionOf(kind);
    const present = byName.get(name);
    if (present) present.kinds.push(kind);
    else byName.set(name, { group, version, kinds: [kind] });
  }
  const local = [...byName.values()];
  const others = remotes.map(
    (remote): GroupVersion => ({ group: remote.group, version: remote.version, kinds: [], remote }),
  );
  const priorities = new Map<string, number>();
  for (const { group, groupPriority } of remotes)
    priorities.set(group, Math.max(priorities.get(group) ?? 0, groupPriority));
  const priorityOf = (group: string) => priorities.get(group) ?? CUSTOM_PRIORITY.group;
  const versionPriorityOf = ({ remote }: GroupVersion) => remote?.versionPriority ?? CUSTOM_PRIORITY.version;
  return [...local.filter((one) => !others.some((other) => isSame(one, other))), ...others].sort(
    (a, b) =>
      placeOf(a.group) - placeOf(b.group) ||
      priorityOf(b.group) - priorityOf(a.group) ||
      compareText(a.group, b.group) ||
      versionPriorityOf(b) - versionPriorityOf(a) ||
      compareVersions(a.version, b.version),
  );
}

function isSame(a: GroupVersion, b: GroupVersion): boolean {
  return a.group === b.group && a.version === b.version;
}

function placeOf(group: string): number {
  const place = GROUP_ORDER.indexOf(group);
  return place < 0 ? GROUP_ORDER.length : place;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** GA before beta before alpha, the higher number first; other names last. Source: k8s.io/apimachinery/pkg/version. */
function compareVersions(a: string, b: string): number {
  const [x, y] = [rankOf(a), rankOf(b)];
  for (const [i, rank] of x.entries()) if (rank !== y[i]) return y[i]! - rank;
  return compareText(a, b);
}

function rankOf(version: string): number[] {
  const [, major, stage, minor] = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(version) ?? [];
  if (major === undefined) return [-1, 0, 0];
  return [stage === undefined ? 2 : stage === "beta" ? 1 : 0, Number(major), Number(minor ?? 0)];
}

/** Discovery of what is served now, here and by other servers; made once for each state of both. */
export function discoveryOf({ kinds, apiServices }: Pick<Api, "kinds" | "apiServices">): Discovery {
  const { all } = kinds;
  const { versions } = apiServices;
  const made = known.get(all);
  if (made?.versions === versions) return made.discovery;
  const discovery = new Discovery(all, versions);
  known.set(all, { versions, discovery });
  return discovery;
}

const known = new WeakMap<
  readonly Kind[],
  { readonly versions: readonly RemoteVersion[]; readonly discovery: Discovery }
>();

export function apiVersions(serverAddress: string): object {
  return {
    kind: "APIVersions",
    versions: ["v1"],
    serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress }],
  };
}

export class Discovery {
  readonly #served: readonly GroupVersion[];
  readonly #groups: readonly string[];
  readonly #aggregated = new Map<"api" | "apis", AggregatedDocument>();

  constructor(kinds: readonly Kind[], remotes: readonly RemoteVersion[]) {
    this.#served = groupVersions(kinds, remotes);
    this.#groups = [...new Set(this.#served.map(({ group }) => group))].filter((group) => group !== "");
  }

  apiGroupList(): object {
    return {
      kind: "APIGroupList",
      apiVersion: "v1",
      groups: this.#groups.map((group) => this.#groupOf(group)),
    };
  }

  /** @returns undefined when the group is not served */
  apiGroup(group: string): object | undefined {
    if (!this.#groups.includes(group)) return undefined;
    return { kind: "APIGroup", apiVersion: "v1", ...this.#groupOf(group) };
  }

  #groupOf(group: string) {
    const versions = this.#versionsOf(group).map(({ version }) => ({
      groupVersion: `${group}/${version}`,
      version,
    }));
    return { name: group, versions, preferredVersion: versions[0] };
  }

  #versionsOf(group: string): readonly GroupVersion[] {
    return this.#served.filter((one) => one.group === group);
  }

  /** @returns undefined when the group and version are not served */
  apiResourceList(group: string, version: string): object | undefined {
    const served = this.#versionsOf(group).find((one) => one.version === version);
    if (served === undefined) return undefined;
    return {
      kind: "APIResourceList",
      // Kubernetes leaves the apiVersion out for the core group alone.
      ...(group === "" ? {} : { apiVersion: "v1" }),
      groupVersion: group === "" ? version : `${group}/${version}`,
      resources: served.kinds.flatMap(resourceRows),
    };
  }

  /** `apidiscovery.k8s.io/v2`: all of `/api` or `/apis` in one document, with the tag clients revalidate by. */
  aggregated(root: "api" | "apis"): AggregatedDocument {
    const present = this.#aggregated.get(root);
    if (present !== undefined) return present;
    const document = {
      kind: "APIGroupDiscoveryList",
      apiVersion: "apidiscovery.k8s.io/v2",
      metadata: {},
      items: (root === "api" ? [""] : this.#groups).map((group) => ({
        metadata: group === "" ? {} : { name: group },
        versions: this.#versionsOf(group).map(({ version, kinds, remote }) => ({
          version,
          resources: remote?.resources ?? kinds.map(aggregatedResource),
          freshness: remote?.freshness ?? "Current",
        })),
      })),
    };
    const body = JSON.stringify(document);
    const etag = `"${createHash("sha512").update(body).digest("hex").toUpperCase()}"`;
    const made = { body: `${body}\n`, etag };
    this.#aggregated.set(root, made);
    return made;
  }

  /** The paths `GET /` lists. */
  rootPaths(): string[] {
    const groups = this.#groups.flatMap((group) => [
      `/apis/${group}`,
      ...this.#versionsOf(group).map(({ version }) => `/apis/${group}/${version}`),
    ]);
    const others = [
      "/healthz",
      "/livez",
      "/openapi/v2",
      "/openapi/v3",
      "/openid/v1/jwks",
      "/readyz",
      "/version",
    ];
    return ["/.well-known/openid-configuration", "/api", "/api/v1", "/apis", ...groups, ...others];
  }
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
  const version = kind.custom?.conversion?.storedAs ?? `${stored.group}/${stored.version}`;
  const hash = createHash("sha256").update(`${version}/${stored.kind}`).digest();
  return hash.subarray(0, 8).toString("base64");
}

export interface AggregatedDocument {
  readonly body: string;
  readonly etag: string;
}

export const AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

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
