import type { V1APIService } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { APIService, EndpointSlice, Service } from "../../api/registry.ts";
import { formatTime, type Timer } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { isReason } from "../../apimachinery/errors.ts";
import type { Random } from "../../apimachinery/random.ts";
import { allOf, oneOf } from "../admission/look-up.ts";
import type { Api } from "../api.ts";
import { followPrefix } from "../storage/follow-prefix.ts";
import { storagePrefix } from "../storage/keys.ts";
import type { AnyObject } from "../storage/view.ts";
import { type Availability, availabilityOfService, failedDiscovery, PASSED } from "./availability.ts";
import type { Backends } from "./backend.ts";
import { identityHeaders } from "./identity-headers.ts";
import { AUTOMANAGED, isBuiltIn, localServices, plantLocal } from "./local-services.ts";
import { openApiPathOf, type RemoteVersion, resourcesOf } from "./remote-version.ts";

const KIND = APIService as unknown as Kind;
const PREFIX = storagePrefix(KIND);

/** Kubernetes looks at each every 30 s, and gives a server 5 s to answer. */
const CHECK_EVERY_MS = 30_000;
const CHECK_TIMEOUT_MS = 5_000;
/** Looked at beyond this many they are not: 503, with a line in the log. */
const MAX_REMOTE = 256;

const AGGREGATOR = identityHeaders({ name: "system:kube-aggregator", groups: ["system:masters"] });

type Parts = Pick<Api, "clock" | "kinds" | "log" | "objects">;

interface Remote {
  readonly service: V1APIService;
  isAvailable: boolean;
  version: RemoteVersion;
}

/**
 * The APIServices: one for each group and version that is served here, kept up; and those that say another server
 * answers, which is looked for, asked for its discovery, and told of in condition Available.
 */
export class ApiServices {
  readonly #api: Parts;
  readonly #random: Random;
  readonly #backends: Backends | undefined;
  readonly #remotes = new Map<string, Remote>();
  #versions: readonly RemoteVersion[] = [];
  #stops: (() => void)[] = [];
  #timer: Timer | undefined;
  #work: Promise<void> = Promise.resolve();
  #isStopped = false;

  /** @param backends  absent: nobody else is asked, so what another server serves is not available */
  constructor(api: Parts, random: Random, backends: Backends | undefined) {
    this.#api = api;
    this.#random = random;
    this.#backends = backends;
  }

  /** What other servers serve; a new array whenever that has changed. */
  get versions(): readonly RemoteVersion[] {
    return this.#versions;
  }

  get backends(): Backends | undefined {
    return this.#backends;
  }

  /** Who answers for a group and version, when it is not this server. */
  find(
    group: string,
    version: string,
  ): { readonly service: V1APIService; readonly isAvailable: boolean } | undefined {
    return this.#remotes.get(`${version}.${group}`);
  }

  async start(): Promise<void> {
    await this.#keepLocal();
    const kinds = this.#api.kinds.onChange(() => this.#do(() => this.#keepLocal()));
    const following = await followPrefix(this.#api.objects.store, PREFIX, {
      replace: (entries) => {
        this.#remotes.clear();
        for (const entry of entries) this.#learn(entry.key, this.#api.objects.views.of(entry).object);
        this.#settle();
      },
      change: (events) => {
        for (const { key, entry } of events)
          this.#learn(key, entry && this.#api.objects.views.of(entry).object);
        this.#settle();
      },
      failed: (error) => this.#complain(error),
    });
    this.#stops = [() => kinds.remove(), () => following.stop()];
  }

  stop(): void {
    this.#isStopped = true;
    for (const stop of this.#stops) stop();
    this.#timer?.cancel();
    this.#backends?.stop();
  }

  #learn(key: string, object: AnyObject | undefined): void {
    const name = key.slice(PREFIX.length);
    const service = object as V1APIService | undefined;
    const { group = "", version = "" } = service?.spec ?? {};
    const known = this.#remotes.get(name);
    if (service?.spec?.service === undefined || service.spec.service === null || isBuiltIn(group)) {
      this.#remotes.delete(name);
      // Somebody took away what stands for what is served here.
      if (service === undefined && localServices(this.#api.kinds.all).has(name))
        this.#do(() => this.#keepLocal());
      return;
    }
    if (known === undefined && this.#remotes.size >= MAX_REMOTE) {
      this.#api.log.warn("APIService not served: there are too many", { name, max: MAX_REMOTE });
      return;
    }
    const isSame = known !== undefined && deepEqual(known.service.spec, service.spec);
    const stale: RemoteVersion = {
      group,
      version,
      groupPriority: service.spec.groupPriorityMinimum,
      versionPriority: service.spec.versionPriority,
      resources: [],
      freshness: "Stale",
    };
    this.#remotes.set(name, isSame ? { ...known, service } : { service, isAvailable: false, version: stale });
    if (!isSame) this.#do(() => this.#check(name));
  }

  /** What is known has changed: discovery is made anew, and looked after from now on. */
  #settle(): void {
    this.#versions = [...this.#remotes.values()].map(({ version }) => version);
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#remotes.size === 0 || this.#isStopped) return;
    this.#timer = this.#api.clock.setTimeout(() => {
      for (const name of this.#remotes.keys()) this.#do(() => this.#check(name));
      this.#settle();
    }, CHECK_EVERY_MS);
  }

  #do(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => this.#complain(error));
  }

  #complain(error: unknown): void {
    if (!this.#isStopped) this.#api.log.error("APIServices not kept", { error: String(error) });
  }

  async #keepLocal(): Promise<void> {
    if (this.#isStopped) return;
    const wanted = localServices(this.#api.kinds.all);
    const found = await allOf(this.#api, APIService);
    const names = new Set(found.map(({ metadata }) => metadata?.name));
    const missing = [...wanted].filter(([name]) => !names.has(name));
    // Together: they share the wait for the disk.
    await Promise.all(missing.map(([name, spec]) => plantLocal(this.#api, this.#random, name, spec)));
    for (const { metadata } of found) {
      const isOver = metadata?.labels?.[AUTOMANAGED] === "true" && !wanted.has(metadata.name ?? "");
      if (!isOver) continue;
      const entry = await this.#api.objects.store.get(PREFIX + metadata.name);
      if (entry !== undefined)
        await this.#api.objects.remove(entry, this.#api.objects.views.of(entry).object);
    }
  }

  async #check(name: string): Promise<void> {
    const remote = this.#remotes.get(name);
    if (remote === undefined || this.#isStopped) return;
    const { availability, version } = await this.#look(remote);
    // Meanwhile it may have gone, or say something else; then another look is on its way.
    if (this.#remotes.get(name)?.service.spec !== remote.service.spec || this.#isStopped) return;
    const isAvailable = availability.status === "True";
    this.#remotes.set(name, { service: remote.service, isAvailable, version });
    if (!deepEqual(remote.version, version)) this.#settle();
    await this.#tell(name, availability);
  }

  async #look({ service, version }: Remote): Promise<{ availability: Availability; version: RemoteVersion }> {
    const { namespace = "", name = "" } = service.spec?.service ?? {};
    const stale: RemoteVersion = { ...version, freshness: "Stale" };
    const slices = (await allOf(this.#api, EndpointSlice, namespace)).filter(
      ({ metadata }) => metadata?.labels?.["kubernetes.io/service-name"] === name,
    );
    const found = await oneOf(this.#api, Service, name, namespace);
    const missing = availabilityOfService(service, found, slices);
    if (missing !== undefined) return { availability: missing, version: stale };
    try {
      return { availability: PASSED, version: await this.#discover(service, version) };
    } catch (error) {
      return { availability: failedDiscovery(service, error), version: stale };
    }
  }

  async #discover(service: V1APIService, known: RemoteVersion): Promise<RemoteVersion> {
    const backends = this.#backends;
    if (backends === undefined) throw new Error("this API server has no way to ask other servers");
    const { group, version } = known;
    const get = (path: string) => backends.get(service, path, AGGREGATOR, CHECK_TIMEOUT_MS);
    const resources = resourcesOf(await get(`/apis/${group}/${version}`), group, version);
    // A server without OpenAPI is one all the same.
    const index = await get("/openapi/v3").catch(() => undefined);
    const openApi = openApiPathOf(index, group, version);
    const { openApi: _, ...rest } = known;
    return { ...rest, resources, freshness: "Current", ...(openApi === undefined ? {} : { openApi }) };
  }

  async #tell(name: string, availability: Availability): Promise<void> {
    try {
      await this.#api.objects.update(KIND, { name }, async ({ object }) => {
        const { status } = object as V1APIService;
        const conditions = status?.conditions ?? [];
        const present = conditions.find(({ type }) => type === "Available");
        const lastTransitionTime =
          present?.status === availability.status
            ? present.lastTransitionTime
            : formatTime(this.#api.clock.nowMs());
        const set = { type: "Available", ...availability, lastTransitionTime };
        const others = conditions.filter(({ type }) => type !== "Available");
        return { kind: "put", object: { ...object, status: { ...status, conditions: [...others, set] } } };
      });
    } catch (error) {
      if (!isReason(error, "NotFound")) throw error;
    }
  }
}
