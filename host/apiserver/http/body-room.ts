const MEBIBYTE = 1024 * 1024;

/**
 * Room for bodies that have not come whole. They are read before it is known what their senders may do, and a sender may
 * take long: without a bound one client could fill the memory with beginnings.
 */
export class BodyRoom {
  readonly #byConnection = new WeakMap<object, number>();
  #bytes = 0;

  /**
   * @param maxBytes              of all connections
   * @param maxOfConnectionBytes  of one, so that it alone does not keep the others from writing
   */
  constructor(
    private readonly maxBytes = 256 * MEBIBYTE,
    private readonly maxOfConnectionBytes = 32 * MEBIBYTE,
  ) {}

  /** @returns false when there is no room: nothing is taken then */
  take(connection: object, bytes: number): boolean {
    const own = (this.#byConnection.get(connection) ?? 0) + bytes;
    if (own > this.maxOfConnectionBytes || this.#bytes + bytes > this.maxBytes) return false;
    this.#byConnection.set(connection, own);
    this.#bytes += bytes;
    return true;
  }

  giveBack(connection: object, bytes: number): void {
    this.#byConnection.set(connection, (this.#byConnection.get(connection) ?? 0) - bytes);
    this.#bytes -= bytes;
  }
}
