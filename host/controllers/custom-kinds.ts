import { customKinds, servesTheSame } from "../api/custom-resources/kinds.ts";
import { CustomResourceDefinition } from "../api/extension-kinds.ts";
import type { V1CustomResourceDefinition } from "../api/generated/types.ts";
import { apiVersionOf, type Kind } from "../api/kind.ts";
import type { SharedInformers } from "../client/informer.ts";

interface Served {
  readonly definition: V1CustomResourceDefinition;
  readonly kinds: readonly Kind[];
}

/** The custom kinds of a cluster, as an informer of their definitions shows them. */
export class CustomKinds {
  readonly #served = new Map<string, Served>();
  readonly #listeners: ((kind: Kind, why: "served" | "gone") => void)[] = [];
  #optional: readonly Kind[] = [];
  #stored: readonly Kind[] = [];

  /** The one of these informers: controllers that share informers share it. */
  static of(informers: SharedInformers): CustomKinds {
    let kinds = known.get(informers);
    if (kinds === undefined) {
      kinds = new CustomKinds(informers);
      known.set(informers, kinds);
    }
    return kinds;
  }

  private constructor(informers: SharedInformers) {
    informers.get(CustomResourceDefinition).addHandler({
      onAdd: (definition) => this.#take(definition),
      onUpdate: (_, definition) => this.#take(definition),
      onDelete: ({ metadata }) => this.#drop(metadata?.name ?? ""),
    });
  }

  /** Built-in kinds that are served because somebody asked for them: nobody takes them away again. */
  serveAlways(kinds: readonly Kind[]): void {
    this.#optional = kinds;
    this.#settle();
    for (const kind of kinds) for (const listener of this.#listeners) listener(kind, "served");
  }

  /** One for each definition: the version that is stored. */
  get stored(): readonly Kind[] {
    return this.#stored;
  }

  /** The kind an owner reference names, as it is stored. */
  findByName(apiVersion: string, kind: string): Kind | undefined {
    for (const kinds of [this.#optional, ...[...this.#served.values()].map((one) => one.kinds)]) {
      const found = kinds.find((one) => one.kind === kind && apiVersionOf(one) === apiVersion);
      if (found !== undefined) return found.stored?.kind ?? found;
    }
    return undefined;
  }

  /** Tells of every stored kind that comes, those that are there at once, and that goes. */
  onChange(listener: (kind: Kind, why: "served" | "gone") => void): void {
    this.#listeners.push(listener);
    for (const kind of this.#stored) listener(kind, "served");
  }

  #take(definition: V1CustomResourceDefinition): void {
    const name = definition.metadata?.name ?? "";
    const before = this.#served.get(name);
    const isServed = definition.status?.conditions?.some(
      ({ type, status }) => type === "Established" && status === "True",
    );
    if (!isServed || (before !== undefined && servesTheSame(before.definition, definition))) return;
    this.#served.set(name, { definition, kinds: customKinds(definition) });
    this.#settle();
    if (before === undefined) this.#tell(name, "served");
  }

  #drop(name: string): void {
    this.#tell(name, "gone");
    this.#served.delete(name);
    this.#settle();
  }

  #settle(): void {
    const custom = [...this.#served.values()].flatMap(({ kinds }) => storedOf(kinds));
    this.#stored = [...this.#optional, ...custom];
  }

  #tell(name: string, why: "served" | "gone"): void {
    for (const kind of storedOf(this.#served.get(name)?.kinds ?? [])) {
      for (const listener of this.#listeners) listener(kind, why);
    }
  }
}

const known = new WeakMap<SharedInformers, CustomKinds>();

function storedOf([first]: readonly Kind[]): Kind[] {
  return first === undefined ? [] : [first.stored?.kind ?? first];
}
