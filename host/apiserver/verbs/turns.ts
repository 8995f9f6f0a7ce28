/**
 * Lets short requests in between the pieces of long work. Each `next` waits for a look at the sockets, and of all who
 * wait one goes on after each look: however many large lists are being written, a GET that arrives waits for one piece.
 *
 *     sockets │ piece of list A │ sockets: a GET is answered │ piece of list B │ sockets │ piece of list A │ …
 *
 * Real time only: what runs under a virtual clock takes no turns.
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) setImmediate(() => this.#goOn());
    });
  }

  #goOn(): void {
    const resume = this.#waiting.shift()!;
    // The one that goes on queues behind those who wait already; it does so in the microtasks that follow.
    if (this.#waiting.length > 0) setImmediate(() => this.#goOn());
    resume();
  }
}
