import type { Api } from "../api.ts";
import { countObjects } from "../storage/count.ts";
import type { Classified, FlowControl } from "./flow-control.ts";
import { distinguisherOf } from "./flow-schema.ts";
import { type Arrival, type Gate, isLongRunning, maxWaitMs, OPEN, type Passage } from "./gate.ts";
import type { FlowMetrics } from "./metrics.ts";
import type { Seated } from "./seat-pool.ts";

const OBJECTS_PER_SEAT = 100;
const MAX_SEATS = 10;

/** Requests pass as their flow's priority level lets them: API priority and fairness. Source: api-policy 9.1. */
export class FlowGate implements Gate {
  constructor(
    private readonly api: Api,
    private readonly flowControl: FlowControl,
    private readonly metrics: FlowMetrics,
  ) {}

  enter(arrival: Arrival): Passage | Promise<Passage> {
    const { info } = arrival;
    // A watch waits its turn as others do, for as long as its state is read; other streams go by.
    if (isLongRunning(info) && info.verb !== "watch") return OPEN;
    const { user, attributes } = arrival;
    const classified = this.flowControl.classify(user, attributes);
    if (classified.level.limits.isExempt || !asksForMany(arrival)) return this.#enter(arrival, classified, 1);
    return this.#count(arrival).then((seats) => this.#enter(arrival, classified, seats));
  }

  #enter(arrival: Arrival, classified: Classified, seats: number): Passage | Promise<Passage> {
    const { flows, level } = classified;
    const sinceMs = this.api.clock.monotonicMs();
    const seated = this.flowControl.pool.enter({
      level,
      // Only who has to wait is asked for by name, but then it has to be the same each time.
      flow: `${flows.name}/${distinguisherOf(flows, arrival.attributes)}`,
      seats,
      bytes: arrival.bytes,
      maxWaitMs: maxWaitMs(arrival.info.query.get("timeout")),
      onGone: arrival.onGone,
    });
    if (!(seated instanceof Promise)) return this.#passage(classified, seated, 0);
    this.metrics.waiting(flows, level, 1);
    return seated.then((one) => {
      this.metrics.waiting(flows, level, -1);
      return this.#passage(classified, one, (this.api.clock.monotonicMs() - sinceMs) / 1000);
    });
  }

  #passage({ flows, level }: Classified, seated: Seated, waitedSeconds: number): Passage {
    const headers = {
      "X-Kubernetes-Pf-Flowschema-Uid": flows.uid,
      "X-Kubernetes-Pf-Prioritylevel-Uid": level.limits.uid,
    };
    if ("refused" in seated) {
      this.metrics.refused(flows, level, seated.refused, waitedSeconds);
      return { headers, retryAfterSeconds: level.refuse(), leave: () => {} };
    }
    this.metrics.admitted(flows, level, waitedSeconds);
    return { headers, leave: seated.leave };
  }

  /** How many seats a list takes: one for each hundred objects it reads, up to ten. */
  async #count({ info }: Arrival): Promise<number> {
    const { resource, query } = info;
    const kind = resource && this.api.kinds.find(resource.group, resource.version, resource.plural);
    if (kind === undefined) return 1;
    const limit = Number(query.get("limit") ?? 0);
    const objects = await countObjects(this.api, kind, resource?.namespace);
    // What is read from the cache is read whole.
    const read = limit > 0 && query.get("resourceVersion") !== "0" ? Math.min(limit, objects) : objects;
    return Math.min(MAX_SEATS, Math.max(1, Math.ceil(read / OBJECTS_PER_SEAT)));
  }
}

function asksForMany({ info, attributes }: Arrival): boolean {
  if (attributes.resource?.name !== undefined) return false;
  return info.verb === "list" || (info.verb === "watch" && info.query.has("sendInitialEvents"));
}
