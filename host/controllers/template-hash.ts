import type { V1PodTemplateSpec } from "../api/generated/types.ts";
import { dumpTemplate } from "./template-dump.ts";

export const TEMPLATE_HASH_LABEL = "pod-template-hash";

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
/** Kubernetes' alphabet for generated names; a digit's code point modulo its length picks the letter. */
const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/**
 * The hash by which a Deployment names the ReplicaSet of a template: `bfb6488d7`.
 *
 * @param collisionCount  appended when it is set, also when it is 0
 * Source: util/hash ComputeHash, FNV-1a of 32 bits (controllers.md 2.2).
 */
export function templateHash(template: V1PodTemplateSpec, collisionCount?: number): string {
  let hash = fnv1a(FNV_OFFSET, new TextEncoder().encode(dumpTemplate(template)));
  if (collisionCount !== undefined) {
    // Eight bytes are reserved, four of them written.
    const bytes = new DataView(new ArrayBuffer(8));
    bytes.setUint32(0, collisionCount, true);
    hash = fnv1a(hash, new Uint8Array(bytes.buffer));
  }
  return safeEncode(String(hash));
}

function fnv1a(start: number, bytes: Uint8Array): number {
  let hash = start;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return hash >>> 0;
}

/** Spells decimal digits with letters that form no words (rand.SafeEncodeString). */
function safeEncode(digits: string): string {
  return [...digits].map((digit) => ALPHABET[digit.codePointAt(0)! % ALPHABET.length]).join("");
}

/** Printed once per template: objects are immutable. */
const compared = new WeakMap<V1PodTemplateSpec, string>();

/**
 * Whether two templates mean the same, the hash label aside: an absent list is an empty one, and quantities are equal
 * by value since they are stored in canonical form (EqualIgnoreHash).
 */
export function sameTemplate(a: V1PodTemplateSpec | undefined, b: V1PodTemplateSpec | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return comparable(a) === comparable(b);
}

function comparable(template: V1PodTemplateSpec): string {
  let text = compared.get(template);
  if (text === undefined) {
    text = dumpTemplate(withoutHash(template));
    compared.set(template, text);
  }
  return text;
}

/** The template without the label that a Deployment adds to its ReplicaSets'. */
export function withoutHash(template: V1PodTemplateSpec): V1PodTemplateSpec {
  const { [TEMPLATE_HASH_LABEL]: _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}
