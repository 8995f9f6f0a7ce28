import type { V1Binding } from "../api/generated/types.ts";
import type { Kind } from "../api/kind.ts";
import { ApiError, badRequest, type Status } from "../apimachinery/errors.ts";
import type { KubernetesObject, ObjectList, ObjectReference } from "../apimachinery/object.ts";
import type {
  Client,
  DeleteOptions,
  ListOptions,
  Patch,
  WatchOptions,
  WatchSink,
  WatchStream,
  WriteOptions,
} from "../client/client.ts";
import type { Api, Target, User, WriteContext } from "./api.ts";
import { createReview, isReview } from "./reviews/reviews.ts";
import { select } from "./selection.ts";
import type { View } from "./storage/view.ts";
import { bind } from "./subresources/binding.ts";
import { evict } from "./subresources/eviction.ts";
import { finalizeNamespace } from "./subresources/finalize.ts";
import { withResize } from "./subresources/resize.ts";
import { getScale, setScale } from "./subresources/scale.ts";
import { requestToken } from "./subresources/token.ts";
import { apply } from "./verbs/apply.ts";
import { create } from "./verbs/create.ts";
import { remove } from "./verbs/delete.ts";
import { removeCollection } from "./verbs/delete-collection.ts";
import { get } from "./verbs/get.ts";
import { type ListResult, list, viewsOf } from "./verbs/list.ts";
import { patch } from "./verbs/patch.ts";
import { update } from "./verbs/update.ts";
import { watch } from "./verbs/watch.ts";

/**
 * The API without a wire: the same verbs the HTTP server runs, on shared immutable objects. Callers are components of
 * this process and trusted: neither authenticated nor authorised.
 */
export function createInProcessClient(api: Api, user: User): Client {
  return new InProcessClient(api, user);
}

class InProcessClient implements Client {
  constructor(
    private readonly api: Api,
    private readonly user: User,
  ) {}

  async get<T extends KubernetesObject>(
    kind: Kind<T>,
    reference: ObjectReference,
    options: { subresource?: "scale" } = {},
  ): Promise<T> {
    const to = this.#target(kind, reference);
    if (options.subresource === "scale") return (await getScale(this.api, to)) as KubernetesObject as T;
    return objectOf(await get(this.api, to));
  }

  async list<T extends KubernetesObject>(kind: Kind<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    return listOf(
      this.api,
      await list(this.api, select(this.#served(kind), options.namespace, options), options),
    );
  }

  watch<T extends KubernetesObject>(kind: Kind<T>, options: WatchOptions, sink: WatchSink<T>): WatchStream {
    const { timeoutSeconds, bookmarks, resourceVersion } = options;
    return watch(
      this.api,
      select(this.#served(kind), options.namespace, options),
      {
        resourceVersion,
        allowWatchBookmarks: bookmarks,
        ...(timeoutSeconds === undefined ? {} : { timeoutMs: timeoutSeconds * 1000 }),
      },
      {
        onBatches: (batches) => {
          for (const { deliveries } of batches)
            for (const { type, view } of deliveries) sink.onEvent(type, objectOf<T>(view));
        },
        onEnd: (error) => sink.onEnd(error),
      },
    );
  }

  async create<T extends KubernetesObject>(kind: Kind<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const namespace = kind.namespaced ? object.metadata?.namespace : undefined;
    if (kind.namespaced && !namespace) throw badRequest("an empty namespace may not be set during creation");
    const context = this.#context(options);
    const served = this.#served(kind);
    if (isReview(served)) {
      const review = await createReview(this.api, served, namespace, body(object), context);
      return review as KubernetesObject as T;
    }
    return objectOf(await create(this.api, served, namespace, body(object), context));
  }

  async update<T extends KubernetesObject>(
    kind: Kind<T>,
    object: T,
    options: WriteOptions & { subresource?: string } = {},
  ): Promise<T> {
    const { name = "", namespace } = object.metadata ?? {};
    const to = this.#target(kind, { name, namespace }, options.subresource);
    const context = this.#context(options);
    if (options.subresource === "finalize") {
      return objectOf(await finalizeNamespace(this.api, to, body(object), context));
    }
    return objectOf((await update(this.api, to, body(object), context)).view);
  }

  async patch<T extends KubernetesObject>(
    kind: Kind<T>,
    reference: ObjectReference,
    patched: Patch,
    options: WriteOptions & { subresource?: string } = {},
  ): Promise<T> {
    const to = this.#target(kind, reference, options.subresource);
    const context = this.#context(options);
    // A Scale is answered where the caller asked for it; Client types subresources by their parent.
    if (options.subresource === "scale") {
      return (await setScale(this.api, to, { patch: patched }, context)) as KubernetesObject as T;
    }
    const prepare = options.subresource === "resize" ? withResize(to) : undefined;
    if (patched.type === "apply") {
      const configuration = { value: patched.body, strictErrors: [] };
      const force = patched.force === true;
      return objectOf((await apply(this.api, to, configuration, force, context, prepare)).view);
    }
    return objectOf(await patch(this.api, to, patched, [], context, prepare));
  }

  async delete<T extends KubernetesObject>(
    kind: Kind<T>,
    reference: ObjectReference,
    options: DeleteOptions = {},
  ): Promise<T | Status> {
    const deleted = await remove(this.api, this.#target(kind, reference), options, this.#context(options));
    return "view" in deleted ? objectOf<T>(deleted.view) : deleted.status;
  }

  async deleteCollection<T extends KubernetesObject>(
    kind: Kind<T>,
    selection: ListOptions,
    options: DeleteOptions = {},
  ): Promise<ObjectList<T>> {
    const selected = select(this.#served(kind), selection.namespace, selection);
    return listOf(
      this.api,
      await removeCollection(this.api, selected, selection, options, this.#context(options)),
    );
  }

  async createSubresource(
    kind: Kind,
    reference: ObjectReference,
    subresource: string,
    posted: KubernetesObject,
  ): Promise<unknown> {
    const to = this.#target(kind, reference, subresource);
    switch (subresource) {
      case "binding":
        return bind(this.api, to, posted as V1Binding, this.#context({}));
      case "eviction":
        return evict(this.api, to, body(posted), this.#context({}));
      case "token":
        return requestToken(this.api, to, body(posted), this.#context({}));
      case "scale":
        return getScale(this.api, to);
      default:
        throw new ApiError("NotFound", "the server could not find the requested resource", {});
    }
  }

  /** The kind as it is served now; the definition of a custom one may have changed since the caller got hold of it. */
  #served<T extends KubernetesObject>(kind: Kind<T>): Kind {
    const served = this.api.kinds.current(kind as unknown as Kind);
    if (served === undefined)
      throw new ApiError("NotFound", "the server could not find the requested resource", {});
    return served;
  }

  #target<T extends KubernetesObject>(
    kind: Kind<T>,
    reference: ObjectReference,
    subresource?: string,
  ): Target {
    const { name, namespace } = reference;
    return { kind: this.#served(kind), name, subresource, ...(kind.namespaced ? { namespace } : {}) };
  }

  #context(options: { dryRun?: boolean; fieldManager?: string }): WriteContext {
    return {
      user: this.user,
      dryRun: options.dryRun === true,
      fieldValidation: "Ignore",
      fieldManager: options.fieldManager ?? managerName(this.user.name),
      warn: () => {},
    };
  }
}

/** A component of the process is known by its name: `system:kube-scheduler` manages fields as `kube-scheduler`. */
function managerName(user: string): string {
  return user.slice(user.lastIndexOf(":") + 1) || "unknown";
}

function body(object: KubernetesObject) {
  return { value: object, strictErrors: [] };
}

/** The schema has made it an object of its kind; this is where that knowledge becomes a type. */
function objectOf<T extends KubernetesObject>(view: View): T {
  return view.object as KubernetesObject as T;
}

function listOf<T extends KubernetesObject>(api: Api, result: ListResult): ObjectList<T> {
  const { revision, remainingItemCount } = result;
  return {
    metadata: {
      resourceVersion: String(revision),
      ...(result.continue === undefined ? {} : { continue: result.continue }),
      ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
    },
    items: viewsOf(api, result).map((view) => objectOf<T>(view)),
  };
}
