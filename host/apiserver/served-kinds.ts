import { ALPHA_KINDS } from "../api/alpha-kinds.ts";
import { apiVersionOf, type Kind } from "../api/kind.ts";
import { KINDS } from "../api/registry.ts";

/** What is served: the built-in kinds, and those that CustomResourceDefinitions have declared. */
export class ServedKinds {
  readonly #builtIn: readonly Kind[];
  readonly #custom = new Map<string, readonly Kind[]>();
  readonly #listeners = new Set<() => void>();
  #all: readonly Kind[];
  #byPlural: ReadonlyMap<string, Kind>;
  #byName: ReadonlyMap<string, Kind>;

  /** @param optional  built-in kinds that are served because somebody asked for them */
  constructor(optional: readonly Kind[] = []) {
    this.#builtIn = [...KINDS, ...optional];
    this.#all = this.#builtIn;
    this.#byPlural = indexed(this.#builtIn, ({ plural }) => plural);
    this.#byName = indexed(this.#builtIn, ({ kind }) => kind);
  }

  /** A new array whenever something has changed: what is made of it can be kept by it. */
  get all(): readonly Kind[] {
    return this.#all;
  }

  /** The kind behind a URL, e.g. `apps`, `v1`, `deployments`. */
  find(group: string, version: string, plural: string): Kind | undefined {
    return this.#byPlural.get(`${apiVersionOf({ group, version })}/${plural}`);
  }

  /** The kind an object says it is, e.g. `apps/v1`, `Deployment`. */
  findByName(apiVersion: string, kind: string): Kind | undefined {
    return this.#byName.get(`${apiVersion}/${kind}`);
  }

  /** The kind as it is served now: a client may hold one from before its definition changed. */
  current(kind: Kind): Kind | undefined {
    if (kind.custom === undefined && !ALPHA_KINDS.includes(kind)) return kind;
    return this.find(kind.group, kind.version, kind.plural);
  }

  /** @param definition  name of the CustomResourceDefinition; without kinds it serves nothing any more */
  serve(definition: string, kinds: readonly Kind[]): void {
    if (kinds.length === 0) this.#custom.delete(definition);
    else this.#custom.set(definition, kinds);
    this.#all = [
      ...this.#builtIn,
      ...[...this.#custom.keys()].sort().flatMap((name) => this.#custom.get(name)!),
    ];
    // Built-in kinds come last: nobody takes their place.
    const all = [...this.#all.slice(this.#builtIn.length), ...this.#builtIn];
    this.#byPlural = indexed(all, ({ plural }) => plural);
    this.#byName = indexed(all, ({ kind }) => kind);
    for (const listener of [...this.#listeners]) listener();
  }

  /** Told whenever what is served has changed. */
  onChange(listener: () => void): { remove(): void } {
    this.#listeners.add(listener);
    return { remove: () => this.#listeners.delete(listener) };
  }
}

function indexed(kinds: readonly Kind[], nameOf: (kind: Kind) => string): ReadonlyMap<string, Kind> {
  return new Map(kinds.map((kind) => [`${apiVersionOf(kind)}/${nameOf(kind)}`, kind]));
}
