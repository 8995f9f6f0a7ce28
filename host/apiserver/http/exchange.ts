import type { User } from "../api.ts";
import type { Decision } from "../authorization/attributes.ts";
import type { Passage } from "../fairness/gate.ts";
import type { IncomingRequest } from "./request-handler.ts";
import type { RequestInfo } from "./request-info.ts";

/** Whoever looks on while requests are served: metrics, the audit log. What they throw would be the server's own mistake. */
export interface Onlooker {
  /** It is known what is asked for. */
  received?(exchange: Exchange): void;
  /** The head of a stream has gone out; it may go on for an hour. */
  started?(exchange: Exchange, code: number): void;
  /** The answer is over; once. */
  answered(exchange: Exchange, code: number, bytes: number): void;
}

/** One request from its arrival to the end of its answer, and what has been learnt of it on the way. */
export class Exchange {
  readonly warnings: string[] = [];
  /** What policies and webhooks say for the audit. */
  readonly annotations: Record<string, string> = {};
  info: RequestInfo | undefined;
  /** Whose credentials came with it. */
  sender: User | undefined;
  /** Whom it is served as: the sender, or whom the sender impersonates. */
  user: User | undefined;
  decision: Decision | undefined;
  passage: Passage | undefined;
  isStreaming = false;
  /** Set by who counts the events of a watch. */
  delivered: ((events: number) => void) | undefined;
  #isOver = false;

  constructor(
    readonly request: IncomingRequest,
    readonly auditId: string,
    readonly receivedMs: number,
    private readonly onlookers: readonly Onlooker[],
  ) {}

  received(): void {
    for (const one of this.onlookers) one.received?.(this);
  }

  started(code: number): void {
    this.isStreaming = true;
    for (const one of this.onlookers) one.started?.(this, code);
  }

  /** The answer has gone out, or whoever asked for it has gone. */
  over(code: number, bytes: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.passage?.leave();
    for (const one of this.onlookers) one.answered(this, code, bytes);
  }
}
