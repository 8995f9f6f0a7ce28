import { BlockList, isIP, isIPv4 } from "node:net";
import type { Environment } from "@marcbachmann/cel-js";

class CelUrl {
  constructor(readonly url: URL) {}
}
class CelIp {
  constructor(readonly text: string) {}
  get family(): "ipv4" | "ipv6" {
    return isIPv4(this.text) ? "ipv4" : "ipv6";
  }
}
class CelCidr {
  readonly block = new BlockList();
  constructor(
    readonly address: CelIp,
    readonly bits: number,
  ) {
    this.block.addSubnet(address.text, bits, address.family);
  }
  contains({ text, family }: CelIp): boolean {
    return family === this.address.family && this.block.check(text, family);
  }
}

const RANGES = {
  isLoopback: ["127.0.0.0/8", "::1/128"],
  isUnspecified: ["0.0.0.0/32", "::/128"],
  isLinkLocalUnicast: ["169.254.0.0/16", "fe80::/10"],
  isLinkLocalMulticast: ["224.0.0.0/24", "ff02::/16"],
} as const;

/** `url`, `ip` and `cidr`. Source: k8s.io/apiserver/pkg/cel/library/{urls,ip,cidr}.go. */
export function registerNetwork(environment: Environment): Environment {
  environment
    .registerType("net.URL", { ctor: CelUrl, fields: {} })
    .registerType("net.IP", { ctor: CelIp, fields: {} })
    .registerType("net.CIDR", { ctor: CelCidr, fields: {} });
  for (const [name, ranges] of Object.entries(RANGES)) {
    const blocks = ranges.map(parseCidr);
    environment.registerFunction(`net.IP.${name}(): bool`, (ip: CelIp) =>
      blocks.some((block) => block.contains(ip)),
    );
  }
  return registerAddresses(registerUrls(environment));
}

function registerUrls(environment: Environment): Environment {
  return environment
    .registerFunction("isURL(string): bool", (text: string) => URL.canParse(text))
    .registerFunction("url(string): net.URL", (text: string) => {
      if (!URL.canParse(text)) throw new Error(`URL parse error during conversion from string: ${text}`);
      return new CelUrl(new URL(text));
    })
    .registerFunction("net.URL.getScheme(): string", ({ url }: CelUrl) => url.protocol.slice(0, -1))
    .registerFunction("net.URL.getHost(): string", ({ url }: CelUrl) => url.host)
    .registerFunction("net.URL.getHostname(): string", ({ url }: CelUrl) =>
      url.hostname.replace(/^\[|\]$/g, ""),
    )
    .registerFunction("net.URL.getPort(): string", ({ url }: CelUrl) => url.port)
    .registerFunction("net.URL.getEscapedPath(): string", ({ url }: CelUrl) => url.pathname)
    .registerFunction(
      "net.URL.getQuery(): map<string, list<string>>",
      ({ url }: CelUrl) =>
        new Map([...url.searchParams.keys()].map((key) => [key, url.searchParams.getAll(key)])),
    );
}

function registerAddresses(environment: Environment): Environment {
  return environment
    .registerFunction("ip(string): net.IP", parseIp)
    .registerFunction("net.IP.family(): int", ({ family }: CelIp) => (family === "ipv4" ? 4n : 6n))
    .registerFunction("net.IP.string(): string", ({ text }: CelIp) => text)
    .registerFunction("isCIDR(string): bool", (text: string) => cidrOf(text) !== undefined)
    .registerFunction("cidr(string): net.CIDR", parseCidr)
    .registerFunction("net.CIDR.containsIP(string): bool", (cidr: CelCidr, text: string) =>
      cidr.contains(parseIp(text)),
    )
    .registerFunction("net.CIDR.containsIP(net.IP): bool", (cidr: CelCidr, ip: CelIp) => cidr.contains(ip))
    .registerFunction("net.CIDR.containsCIDR(string): bool", (cidr: CelCidr, text: string) =>
      containsCidr(cidr, parseCidr(text)),
    )
    .registerFunction("net.CIDR.containsCIDR(net.CIDR): bool", containsCidr)
    .registerFunction("net.CIDR.ip(): net.IP", ({ address }: CelCidr) => address)
    .registerFunction("net.CIDR.prefixLength(): int", ({ bits }: CelCidr) => BigInt(bits));
}

function containsCidr(outer: CelCidr, inner: CelCidr): boolean {
  return inner.bits >= outer.bits && outer.contains(inner.address);
}

function parseIp(text: string): CelIp {
  if (isIP(text) === 0 || text.includes("%"))
    throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
  return new CelIp(text);
}

function cidrOf(text: string): CelCidr | undefined {
  const [address = "", bits = "", ...more] = text.split("/");
  if (more.length > 0 || isIP(address) === 0 || !/^(0|[1-9]\d{0,2})$/.test(bits)) return undefined;
  return Number(bits) <= (isIPv4(address) ? 32 : 128)
    ? new CelCidr(new CelIp(address), Number(bits))
    : undefined;
}

function parseCidr(text: string): CelCidr {
  const cidr = cidrOf(text);
  if (cidr === undefined)
    throw new Error(`network address parse error during conversion from string: ${JSON.stringify(text)}`);
  return cidr;
}
