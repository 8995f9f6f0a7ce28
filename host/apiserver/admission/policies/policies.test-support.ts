import { parse } from "yaml";
import type { Kind } from "../../../api/kind.ts";
import { VirtualClock } from "../../../apimachinery/clock.ts";
import { ApiError } from "../../../apimachinery/errors.ts";
import { silentLogger } from "../../../apimachinery/log.ts";
import { seededRandom } from "../../../apimachinery/random.ts";
import type { Client } from "../../../client/client.ts";
import { createMemoryStore } from "../../../store/memory-store.ts";
import type { User } from "../../api.ts";
import { type ApiCore, createApiCore } from "../../core.ts";
import type { AnyObject } from "../../storage/view.ts";
import { create } from "../../verbs/create.ts";
import { remove } from "../../verbs/delete.ts";
import { patch } from "../../verbs/patch.ts";

const MASTER: User = { name: "me", groups: ["system:masters", "system:authenticated"] };

/** What came of a write. */
export interface Outcome {
  /** `admitted`, or `422 Invalid why` without the object's name. */
  readonly answer: string;
  readonly object?: AnyObject;
  readonly warnings: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** A core without a wire, where manifests are written one after another. */
export class PolicyBench {
  readonly #core: ApiCore;

  private constructor(core: ApiCore) {
    this.#core = core;
  }

  static async start(): Promise<PolicyBench> {
    const clock = new VirtualClock();
    const store = createMemoryStore({ clock });
    return new PolicyBench(await createApiCore({ store, clock, random: seededRandom(7), log: silentLogger }));
  }

  stop(): void {
    this.#core.stop();
  }

  get client(): Client {
    return this.#core.client("component");
  }

  kind(apiVersion: string, kind: string): Kind {
    return this.#core.api.kinds.findByName(apiVersion, kind)!;
  }

  /** `write("v1/ConfigMap a", "data: {a: b}")`, in namespace default where there are namespaces. */
  async write(what: string, text = "{}", as: User = MASTER): Promise<Outcome> {
    const [path = "", name = ""] = what.split(" ");
    const [, apiVersion = "", kindName = ""] = /^(.*)\/(\w+)$/.exec(path) ?? [];
    const kind = this.kind(apiVersion, kindName);
    const { metadata, ...rest } = parse(text) as AnyObject;
    const named = name.endsWith("-") ? { generateName: name } : { name };
    const value = { apiVersion, kind: kindName, metadata: { ...named, ...metadata }, ...rest };
    const namespace = kind.namespaced ? (metadata?.namespace ?? "default") : undefined;
    return this.#outcome(as, async (context) => {
      const view = await create(this.#core.api, kind, namespace, { value, strictErrors: [] }, context);
      return view.object;
    });
  }

  async merge(what: string, text: string, subresource?: string): Promise<Outcome> {
    const target = { ...this.#target(what), subresource };
    return this.#outcome(MASTER, async (context) => {
      const patched = { type: "merge", body: parse(text) as object } as const;
      return (await patch(this.#core.api, target, patched, [], context)).object;
    });
  }

  async delete(what: string): Promise<Outcome> {
    return this.#outcome(MASTER, async (context) => {
      await remove(this.#core.api, this.#target(what), {}, context);
      return undefined;
    });
  }

  #target(what: string) {
    const [path = "", name = ""] = what.split(" ");
    const [, apiVersion = "", kindName = ""] = /^(.*)\/(\w+)$/.exec(path) ?? [];
    const kind = this.kind(apiVersion, kindName);
    return { kind, name, ...(kind.namespaced ? { namespace: "default" } : {}) };
  }

  async #outcome(
    user: User,
    run: (context: Parameters<typeof create>[4]) => Promise<AnyObject | undefined>,
  ): Promise<Outcome> {
    const warnings: string[] = [];
    const annotations: Record<string, string> = {};
    const context = {
      user,
      dryRun: false,
      fieldValidation: "Strict",
      warn: (text: string) => warnings.push(text),
      annotate: (key: string, value: string) => {
        annotations[key] = value;
      },
    } as const;
    try {
      const object = await run(context);
      return { answer: "admitted", ...(object ? { object } : {}), warnings, annotations };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const why = error.message.replace(/^.*? is forbidden: /, "");
      return { answer: `${error.code} ${error.reason} ${why}`, warnings, annotations };
    }
  }
}
