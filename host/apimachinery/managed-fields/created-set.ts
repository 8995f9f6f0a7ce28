import { createdFields } from "./created-fields.ts";
import type { FieldSet } from "./field-set.ts";
import { fieldTexts } from "./field-texts.ts";
import type { StructType } from "./field-type.ts";
import { haveSameFields, outlineOf } from "./same-fields.ts";

/** Pods come from templates: a new one mostly has the fields of one of the last few. */
interface Recent {
  readonly reset: FieldSet;
  /** Of each an outline of such an object; the youngest first. */
  readonly shapes: { readonly outline: unknown; readonly fields: FieldSet }[];
  /** What objects of no known shape had, the youngest first: a shape is worth an outline when it comes back. */
  readonly seen: FieldSet[];
}

/** Of each type; the oldest goes. */
const MAX_SHAPES = 4;
const MAX_SEEN = 8;
/** Characters of the set; a larger one has an outline as large. */
const MAX_OUTLINED = 16_384;

const recent = new WeakMap<StructType, Recent>();

/** What the creator of an object owns (`createdFields`), as a set that all objects with these fields share. */
export function createdSet(
  type: StructType,
  object: Readonly<Record<string, unknown>>,
  reset: FieldSet,
): FieldSet {
  let known = recent.get(type);
  if (known === undefined || known.reset !== reset) {
    known = { reset, shapes: [], seen: [] };
    recent.set(type, known);
  }
  for (const { outline, fields } of known.shapes)
    if (haveSameFields(type, outline, object)) return fieldTexts.shared(fields);
  const text = createdFields(type, object, reset);
  const fields = fieldTexts.setOf(text);
  if (text.length <= MAX_OUTLINED) remember(known, type, object, fields);
  return fields;
}

function remember({ shapes, seen }: Recent, type: StructType, object: unknown, fields: FieldSet): void {
  if (!seen.includes(fields)) {
    seen.unshift(fields);
    seen.length = Math.min(seen.length, MAX_SEEN);
  } else if (!shapes.some((shape) => shape.fields === fields)) {
    // One shape has one outline: objects whose items only stand in another order are not worth more.
    shapes.unshift({ outline: outlineOf(type, object), fields });
    shapes.length = Math.min(shapes.length, MAX_SHAPES);
  }
}
