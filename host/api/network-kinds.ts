import { Event } from "./core-kinds.ts";
import { kindsOf } from "./define-kind.ts";
import { endpointSliceRules } from "./endpoints.ts";
import { eventConversion, eventsV1Rules } from "./event.ts";
import type * as t from "./generated/types.ts";
import { ingressClassRules, ingressRules } from "./ingress.ts";
import { leaseRules } from "./lease.ts";
import { networkPolicyRules } from "./network-policy.ts";
import { ipAddressRules, serviceCIDRRules } from "./service-addresses.ts";

/** Networking, and the small records that components leave for each other: slices, events, leases. */
const networking = kindsOf("networking.k8s.io", "v1");
const discovery = kindsOf("discovery.k8s.io", "v1");
const events = kindsOf("events.k8s.io", "v1");
const coordination = kindsOf("coordination.k8s.io", "v1");

export const IngressClass = networking<t.V1IngressClass>({
  kind: "IngressClass",
  plural: "ingressclasses",
  cluster: true,
  generation: true,
  ...ingressClassRules,
});

export const Ingress = networking<t.V1Ingress>({
  kind: "Ingress",
  plural: "ingresses",
  shortNames: ["ing"],
  subresources: ["status"],
  generation: true,
  ...ingressRules,
});

export const IPAddress = networking<t.V1IPAddress>({
  kind: "IPAddress",
  plural: "ipaddresses",
  cluster: true,
  shortNames: ["ip"],
  ...ipAddressRules,
});

export const NetworkPolicy = networking<t.V1NetworkPolicy>({
  kind: "NetworkPolicy",
  plural: "networkpolicies",
  shortNames: ["netpol"],
  generation: true,
  ...networkPolicyRules,
});

export const ServiceCIDR = networking<t.V1ServiceCIDR>({
  kind: "ServiceCIDR",
  plural: "servicecidrs",
  cluster: true,
  subresources: ["status"],
  ...serviceCIDRRules,
});

export const EndpointSlice = discovery<t.V1EndpointSlice>({
  kind: "EndpointSlice",
  plural: "endpointslices",
  generation: true,
  ...endpointSliceRules,
});

export const EventsV1Event = events<t.EventsV1Event>({
  kind: "Event",
  plural: "events",
  shortNames: ["ev"],
  createOnUpdate: true,
  stored: { kind: Event, ...eventConversion },
  ...eventsV1Rules,
});

export const Lease = coordination<t.V1Lease>({
  kind: "Lease",
  plural: "leases",
  createOnUpdate: true,
  requiresResourceVersion: true,
  ...leaseRules,
});
