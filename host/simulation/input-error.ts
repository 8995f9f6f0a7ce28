import type { ApiError } from "../apimachinery/errors.ts";

/** What was given to the simulation is not what it can place. The message is one line: the file, and the field or place in it. */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** The same mistake with the file in front: `web.yaml: Pod "web" is invalid: spec.containers: Required value`. */
export function inFile(path: string, error: Error | ApiError): InputError {
  return new InputError(`${path}: ${error.message.replace(/\s*\n\s*/g, "; ")}`);
}
