import type { Clock } from "../../apimachinery/clock.ts";
import type { Logger } from "../../apimachinery/log.ts";
import type { MetricsRegistry } from "../../apimachinery/metrics/registry.ts";
import type { Exchange, Onlooker } from "../http/exchange.ts";
import { auditEvent, type Stage } from "./event.ts";
import { LogFile, type Rotation } from "./log-file.ts";

export interface AuditOptions extends Rotation {
  /** JSON lines are appended to it. */
  readonly path: string;
}

/** Writes every request down, at level Metadata, in each of its stages. */
export class AuditLog implements Onlooker {
  readonly #file: LogFile;
  readonly #events;

  constructor(
    { path, ...rotation }: AuditOptions,
    private readonly clock: Clock,
    log: Logger,
    registry: MetricsRegistry,
  ) {
    this.#file = new LogFile(path, rotation, clock, log);
    this.#events = registry
      .counter({
        name: "apiserver_audit_event_total",
        help: "Counter of audit events generated and sent to the audit backend.",
      })
      .with();
    const errors = registry.counter({
      name: "apiserver_audit_error_total",
      help: "Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.",
      labels: ["plugin"],
    });
    registry.beforeExpose(() => {
      errors.with("log").value = this.#file.lost;
    });
  }

  /** Throws when the file cannot be written to at all. */
  async start(): Promise<void> {
    await this.#file.check();
  }

  /** What has been seen is written. */
  async stop(): Promise<void> {
    await this.#file.flush();
  }

  received(exchange: Exchange): void {
    this.#write(exchange, "RequestReceived");
  }

  started(exchange: Exchange, code: number): void {
    this.#write(exchange, "ResponseStarted", code);
  }

  answered(exchange: Exchange, code: number): void {
    this.#write(exchange, "ResponseComplete", code);
  }

  #write(exchange: Exchange, stage: Stage, code?: number): void {
    const nowMs = this.clock.nowMs();
    const receivedMs = nowMs - (this.clock.monotonicMs() - exchange.receivedMs);
    this.#events.inc();
    this.#file.append(JSON.stringify(auditEvent(exchange, stage, { receivedMs, nowMs }, code)));
  }
}
