import type { V1EndpointSlice, V1Node, V1Service } from "../api/generated/types.ts";
import type { FieldError } from "../apimachinery/field-error.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Family } from "./address.ts";
import { type ModelOptions, ServiceModel } from "./service-model.ts";
import { objectIn, textIn } from "./untrusted.ts";

/** A change as a watch brings it. Objects that no rule reads are passed over. */
export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: KubernetesObject;
  /** Where the object does not say it itself, as those of a list do not. */
  readonly kind?: string;
}

export function kindOf({ kind, object }: Change): string | undefined {
  return kind ?? object.kind;
}

export const FAMILIES: readonly Family[] = ["ipv4", "ipv6"];

const ZONE_LABEL = "topology.kubernetes.io/zone";

/** What one node is told of Services, in both families: objects go in as they change, and each family decides for itself. */
export class ServiceModels {
  readonly ipv4: ServiceModel;
  readonly ipv6: ServiceModel;
  readonly #nodeName: string;
  readonly #problems = new Map<string, readonly FieldError[]>();

  /** @param nodeName  whose rules they are; "" of no node, EVERY_NODE where all of them are one machine */
  constructor(nodeName: string, options: ModelOptions) {
    this.#nodeName = nodeName;
    this.ipv4 = new ServiceModel("ipv4", { name: nodeName, zone: "" }, options);
    this.ipv6 = new ServiceModel("ipv6", { name: nodeName, zone: "" }, options);
  }

  /** Whether anything changed that rules read, since the families' changes were last taken. */
  get hasChanges(): boolean {
    return this.ipv4.hasChanges || this.ipv6.hasChanges;
  }

  apply(change: Change): void {
    const { type, object } = change;
    const kind = kindOf(change);
    const metadata = objectIn(object.metadata);
    const gone = type === "DELETED";
    const errors: FieldError[] = [];
    for (const family of FAMILIES) {
      const model = this[family];
      if (kind === "Service") {
        if (gone) model.removeService(object as V1Service);
        else errors.push(...model.putService(object as V1Service));
      } else if (kind === "EndpointSlice") {
        if (gone) model.removeSlice(object as V1EndpointSlice);
        else errors.push(...model.putSlice(object as V1EndpointSlice));
      } else if (kind === "Node" && metadata.name === this.#nodeName) {
        model.setZone(gone ? "" : zoneOf(object));
      }
    }
    if (errors.length === 0 && this.#problems.size === 0) return;
    const name = `${kind} "${textIn(metadata.namespace)}/${textIn(metadata.name)}"`;
    if (errors.length === 0) this.#problems.delete(name);
    else this.#problems.set(name, onceEach(errors));
  }

  /** What of the objects could not be used, as kube-proxy skips it: `Service "ns/name": field: why`. */
  problems(): string[] {
    return [...this.#problems].flatMap(([object, errors]) =>
      errors.map(({ field, message }) => `${object}: ${field}: ${message}`),
    );
  }
}

function zoneOf(node: V1Node): string {
  return textIn(objectIn(objectIn(node.metadata).labels)[ZONE_LABEL]);
}

/** Both families read the same object, and say the same of it. */
function onceEach(errors: readonly FieldError[]): FieldError[] {
  return [...new Map(errors.map((error) => [`${error.field} ${error.message}`, error])).values()];
}
