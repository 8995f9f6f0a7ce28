/**
 * Why a data directory could not be opened, in one line for the person who wanted it. Nothing in the directory was
 * changed.
 *
 *   in-use          another process holds it; `message` names its pid
 *   corrupt         the file is torn, has flipped bytes, or is not a store at all
 *   unknown-format  written by a version this one does not know
 *   unreadable      the operating system refuses: no such device, no permission, a file in the place of the directory
 */
export class StoreOpenError extends Error {
  override readonly name = "StoreOpenError";
  constructor(
    readonly reason: "in-use" | "corrupt" | "unknown-format" | "unreadable",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
