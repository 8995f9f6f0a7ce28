import { expect, test } from "vitest";
import { chainNames, endpointChain } from "./chain-names.ts";
import type { Endpoint } from "./endpoint.ts";
import { probabilityText, toFixedEven } from "./probability.ts";
import type { ServicePort } from "./service-port.ts";

const port = (name: string, protocol: string) => ({ name, protocol }) as ServicePort;

// Recomputed by hand from kube-proxy's: shared/spec/service-tables.md, 1.3.
test.each([
  ["ns1/svc1:p80", "TCP", "XPGD46QRK7WJZT7O"],
  ["ns5/svc5:p80", "TCP", "NUKIZ6OKUXPJNT4C"],
  ["ns2/svc2:p80", "TCP", "GNZBNJ2PO5MGZ6GT"],
  ["ns2/svc2", "UDP", "GUEUWVKGZ4WHNBUY"],
  ["ns2/svc3:s", "SCTP", "E3QKHFEGHPCYLLFK"],
])("the chains of %s %s end in %s", (name, protocol, hash) => {
  expect(chainNames(port(name, protocol))).toEqual({
    cluster: `KUBE-SVC-${hash}`,
    local: `KUBE-SVL-${hash}`,
    external: `KUBE-EXT-${hash}`,
    firewall: `KUBE-FW-${hash}`,
  });
});

test.each([
  ["ns1/svc1:p80", "10.180.0.1:80", "KUBE-SEP-SXIVWICOYRO3J4NJ"],
  ["ns5/svc5:p80", "10.180.0.3:80", "KUBE-SEP-I77PXRDZVX7PMWMN"],
  ["ns3/svc3:p80", "10.180.0.3:80", "KUBE-SEP-OYPFS5VJICHGATKP"],
  ["ns3/svc3:p80", "[fd00:10:180::1]:80", "KUBE-SEP-M4DO4EBSQ53VSLDU"],
])("the chain of %s's endpoint %s is %s", (name, text, chain) => {
  expect(endpointChain(port(name, "TCP"), { text } as Endpoint)).toBe(chain);
});

test.each([
  [2, "0.5000000000"],
  [3, "0.3333333333"],
  [6, "0.1666666667"],
  [7, "0.1428571429"],
  [2048, "0.0004882812"],
  [100001, "0.0000099999"],
])("one of %d is written %s", (left, text) => expect(probabilityText(left)).toBe(text));

test("probabilities fall strictly with the number of endpoints", () => {
  for (let left = 2; left < 100_000; left++)
    if (!(probabilityText(left) > probabilityText(left + 1))) expect.fail(`at ${left}`);
});

test("of two equally near texts the even one is taken, as Go does", () => {
  expect(toFixedEven(524288 / 2 ** 31, 11)).toBe("0.00024414062");
  expect(toFixedEven(0.75, 1)).toBe("0.8");
});
