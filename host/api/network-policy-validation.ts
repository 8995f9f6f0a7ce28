import { type FieldError, forbiddenField, invalid, required } from "../apimachinery/field-error.ts";
import { isStrictSubset, parseRange, validateRange } from "./addresses.ts";
import { oneOf, portNumberOrName, validateLabelSelector } from "./field-checks.ts";
import type {
  V1IPBlock,
  V1NetworkPolicy,
  V1NetworkPolicyPeer,
  V1NetworkPolicyPort,
} from "./generated/types.ts";

const MAX_TYPES = 2;

/** Source: api-policy 6.5 (k8s.io/kubernetes/pkg/apis/networking/validation). */
export function validateNetworkPolicy({ spec }: V1NetworkPolicy): FieldError[] {
  const { podSelector, ingress = [], egress = [], policyTypes = [] } = spec ?? {};
  const tooMany =
    policyTypes.length > MAX_TYPES
      ? [invalid("spec.policyTypes", policyTypes, "may not specify more than two policyTypes")]
      : policyTypes.flatMap((type, index) =>
          oneOf(`spec.policyTypes[${index}]`, type, ["Ingress", "Egress"]),
        );
  return [
    ...validateLabelSelector("spec.podSelector", podSelector),
    ...ingress.flatMap(({ ports, from }, index) =>
      validateRule(`spec.ingress[${index}]`, "from", ports, from),
    ),
    ...egress.flatMap(({ ports, to }, index) => validateRule(`spec.egress[${index}]`, "to", ports, to)),
    ...tooMany,
  ];
}

function validateRule(
  field: string,
  direction: "from" | "to",
  ports: readonly V1NetworkPolicyPort[] = [],
  peers: readonly V1NetworkPolicyPeer[] = [],
): FieldError[] {
  return [
    ...ports.flatMap((port, index) => validatePort(`${field}.ports[${index}]`, port)),
    ...peers.flatMap((peer, index) => validatePeer(`${field}.${direction}[${index}]`, peer)),
  ];
}

function validatePort(field: string, { protocol, port, endPort }: V1NetworkPolicyPort): FieldError[] {
  const errors = oneOf(`${field}.protocol`, protocol, ["TCP", "UDP", "SCTP"]);
  if (port === undefined) {
    const why = "may not be specified when `port` is not specified";
    if (endPort !== undefined) errors.push(invalid(`${field}.endPort`, endPort, why));
    return errors;
  }
  errors.push(...portNumberOrName(`${field}.port`, port));
  if (endPort === undefined) return errors;
  if (typeof port === "string")
    errors.push(invalid(`${field}.endPort`, endPort, "may not be specified when `port` is non-numeric"));
  // Kubernetes shows the port here, not the end port.
  else if (endPort < port)
    errors.push(invalid(`${field}.endPort`, port, "must be greater than or equal to `port`"));
  else if (endPort > 65535)
    errors.push(invalid(`${field}.endPort`, endPort, "must be between 1 and 65535, inclusive"));
  return errors;
}

function validatePeer(field: string, peer: V1NetworkPolicyPeer): FieldError[] {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  const errors = [
    ...validateLabelSelector(`${field}.podSelector`, podSelector),
    ...validateLabelSelector(`${field}.namespaceSelector`, namespaceSelector),
    ...(ipBlock ? validateBlock(`${field}.ipBlock`, ipBlock) : []),
  ];
  const others = [podSelector, namespaceSelector].filter((one) => one !== undefined).length;
  if (others === 0 && !ipBlock) return [required(field, "must specify a peer")];
  if (others > 0 && ipBlock)
    errors.push(forbiddenField(field, "may not specify both ipBlock and another peer"));
  return errors;
}

function validateBlock(field: string, { cidr, except = [] }: V1IPBlock): FieldError[] {
  if (!cidr) return [required(`${field}.cidr`)];
  const bad = validateRange(`${field}.cidr`, cidr);
  if (bad.length > 0) return bad;
  const outer = parseRange(cidr)!;
  return except.flatMap((text, index) => {
    const path = `${field}.except[${index}]`;
    const inner = parseRange(text);
    if (inner === undefined) return validateRange(path, text);
    return isStrictSubset(inner, outer) ? [] : [invalid(path, text, "must be a strict subset of `cidr`")];
  });
}
