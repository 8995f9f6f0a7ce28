import { deepCopy, deepEqual } from "../../../apimachinery/copy.ts";
import type { AnyObject } from "../../storage/view.ts";

/**
 * Who of the webhooks, or of the policies, is asked in a round. Everybody is asked in the first one. When something was changed
 * after one of them was asked that may come again (reinvocationPolicy IfNeeded), it is asked in the second one; there is no third.
 * Source: k8s.io/apiserver admission/reinvocation.go and plugin/webhook/mutating/reinvocationcontext.go.
 */
export class Round {
  readonly #asked = new Set<string>();
  readonly #again = new Set<string>();
  #number = 0;
  #hasChanged = false;
  #last: AnyObject | undefined;

  get number(): number {
    return this.#number;
  }

  /** Whether anything was changed since the first round began. */
  get hasChanged(): boolean {
    return this.#hasChanged;
  }

  /** From here on it is the second round. */
  startSecond(): void {
    this.#number = 1;
  }

  /** What others changed meanwhile counts like a change of one's own. */
  begin(object: AnyObject | undefined): void {
    if (this.#number > 0 && !deepEqual(object, this.#last)) this.#requireAgain();
  }

  end(object: AnyObject | undefined): void {
    this.#last = deepCopy(object);
  }

  isTurnOf(id: string): boolean {
    return this.#number === 0 || this.#again.has(id);
  }

  changed(): void {
    this.#hasChanged = true;
    this.#requireAgain();
  }

  mayComeAgain(id: string): void {
    this.#asked.add(id);
  }

  #requireAgain(): void {
    for (const id of this.#asked) this.#again.add(id);
  }
}
