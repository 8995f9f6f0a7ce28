import { isObject } from "../../apimachinery/copy.ts";
import type { FieldSet } from "../../apimachinery/managed-fields/field-set.ts";
import { fieldTexts } from "../../apimachinery/managed-fields/field-texts.ts";
import type { ManagedFieldsEntry } from "../../apimachinery/managed-fields/owners.ts";
import type { ObjectMeta } from "../../apimachinery/object.ts";

/**
 * Half of a stored pod are the names of its fields, and they are those of its siblings, and of its own earlier versions. So
 * an object's JSON is written and read without them, and their texts, which are known, are put in and taken out:
 *
 *   written   {"kind":"Pod",…,"managedFields":0,…}            0 becomes [{"manager":"m",…,"fieldsV1":{"f:spec":…}}]
 *   read      …"managedFields":[{"manager":"m",…,"fieldsV1":0}]…   and 0, 1, … become the sets that were read before
 */
const PLACE = '"managedFields":0';
const FIELDS_PLACE = '"fieldsV1":0';
const ENTRIES = '"managedFields":[';
const FIELDS = '"fieldsV1":{';

/** `JSON.stringify` of an object that begins with kind, apiVersion and metadata. @param metadata  one of its own: changed */
export function writeTracked(
  object: Readonly<Record<string, unknown>> & { readonly metadata: ObjectMeta },
): string {
  const { metadata } = object;
  const entries: unknown = metadata.managedFields;
  if (!Array.isArray(entries) || entries.length === 0) return JSON.stringify(object);
  (metadata as { managedFields: unknown }).managedFields = 0;
  const text = JSON.stringify(object);
  // Nothing before it can look like it: labels and annotations hold text, in which quotes are escaped.
  const at = text.indexOf(PLACE);
  const from = at + PLACE.length;
  return `${text.slice(0, from - 1)}[${entries.map(writeEntry).join(",")}]${text.slice(from)}`;
}

function writeEntry(entry: unknown): string {
  const fields = isObject(entry) ? entry["fieldsV1"] : undefined;
  if (!isObject(entry) || !isObject(fields)) return JSON.stringify(entry) ?? "null";
  const text = JSON.stringify({ ...entry, fieldsV1: 0 });
  const from = text.indexOf(FIELDS_PLACE) + FIELDS_PLACE.length;
  return text.slice(0, from - 1) + fieldTexts.textOf(fields as FieldSet) + text.slice(from);
}

/** `JSON.parse` of what `writeTracked` wrote. */
export function readTracked(text: string): { metadata?: ObjectMeta } {
  const begin = text.indexOf(ENTRIES);
  if (begin < 0) return JSON.parse(text);
  let rest = "";
  let done = 0;
  const sets: ManagedFieldsEntry["fieldsV1"][] = [];
  for (let at = begin + ENTRIES.length; ; ) {
    const found = text.indexOf(FIELDS, at);
    const end = text.indexOf("]", at);
    // The next one belongs to something else.
    if (found < 0 || (end >= 0 && end < found)) break;
    const from = found + FIELDS.length - 1;
    at = endOfObject(text, from);
    rest += text.slice(done, from) + sets.length;
    sets.push(fieldTexts.setOf(text.slice(from, at)));
    done = at;
  }
  const object = JSON.parse(rest + text.slice(done)) as { metadata?: ObjectMeta };
  return putBack(object, sets) ? object : (JSON.parse(text) as { metadata?: ObjectMeta });
}

/** @returns false when what was taken out was not just the fields of the object's own entries */
function putBack({ metadata }: { metadata?: ObjectMeta }, sets: ManagedFieldsEntry["fieldsV1"][]): boolean {
  const entries = metadata?.managedFields;
  if (!Array.isArray(entries) || entries.length !== sets.length) return false;
  for (const [index, entry] of entries.entries()) {
    if ((entry?.fieldsV1 as unknown) !== index) return false;
    entry.fieldsV1 = sets[index];
  }
  return true;
}

const [QUOTE, BACKSLASH, OPEN, CLOSE] = [34, 92, 123, 125];

/** @param from  where an object begins. @returns where it ends, or the text does */
function endOfObject(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      for (at++; at < text.length && text.charCodeAt(at) !== QUOTE; at++)
        if (text.charCodeAt(at) === BACKSLASH) at++;
    } else if (code === OPEN) depth++;
    else if (code === CLOSE && --depth === 0) return at + 1;
  }
  return text.length;
}
