/** A way in to one of the peer's services. */
interface Service {
  readonly endpoints: readonly number[];
  readonly sticky: boolean;
}

/**
 * The peer of the service table: what one would write in JavaScript, a Map from address and port to the service, another
 * from client and service to the endpoint. It knows TCP, IPv4, session affinity and nothing else: no policies, marks,
 * node ports, filters.
 */
export class JsMap {
  readonly #services = new Map<number, Service>();
  readonly #clients = new Map<number, { endpoint: number; untilMs: number }>();
  #state = 1;

  add(address: number, port: number, service: Service): void {
    this.#services.set(address * 65_536 + port, service);
  }

  /** The endpoint, or -1. */
  resolve(source: number, destination: number, port: number, nowMs: number): number {
    const key = destination * 65_536 + port;
    const service = this.#services.get(key);
    if (service === undefined) return -1;
    if (!service.sticky) return this.#draw(service);
    const client = source * 2 ** 21 + (destination & 0x1fffff);
    const known = this.#clients.get(client);
    const endpoint = known !== undefined && known.untilMs >= nowMs ? known.endpoint : this.#draw(service);
    this.#clients.set(client, { endpoint, untilMs: nowMs + 10_800_000 });
    return endpoint;
  }

  #draw({ endpoints }: Service): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return endpoints[Math.floor((this.#state / 2 ** 32) * endpoints.length)]!;
  }
}

/**
 * The same as a chain: one rule after the other is compared, as iptables does with the rules of KUBE-SERVICES. A tight loop
 * over two arrays; a rule of the kernel costs more.
 */
export class LinearChain {
  readonly #addresses: Uint32Array;
  readonly #ports: Uint16Array;
  #length = 0;

  constructor(rules: number) {
    this.#addresses = new Uint32Array(rules);
    this.#ports = new Uint16Array(rules);
  }

  add(address: number, port: number): void {
    this.#addresses[this.#length] = address;
    this.#ports[this.#length++] = port;
  }

  /** The rule that matches, or -1. */
  find(address: number, port: number): number {
    const [addresses, ports, length] = [this.#addresses, this.#ports, this.#length];
    for (let i = 0; i < length; i++) if (addresses[i] === address && ports[i] === port) return i;
    return -1;
  }
}
