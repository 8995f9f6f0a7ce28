import { deepEqual } from "../../apimachinery/copy.ts";
import {
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from "../../apimachinery/field-error.ts";
import { ageColumn, column, NONE, nameColumn } from "../columns.ts";
import { inRange } from "../field-checks.ts";
import type * as t from "../generated/types.ts";
import type { KindRules } from "../kind.ts";
import { EXEMPT, MANDATORY_LEVELS } from "./mandatory.ts";

const MAX_QUEUES = 10_000_000;
const MAX_ENTROPY_BITS = 60;

/** Source: k8s.io/kubernetes/pkg/apis/flowcontrol; api-policy 5, api-wire 13. */
export const priorityLevelRules: KindRules<t.V1PriorityLevelConfiguration> = {
  defaults({ spec }) {
    if (spec?.limited) {
      spec.limited.nominalConcurrencyShares ??= 30;
      spec.limited.lendablePercent ??= 0;
      const { queuing } = spec.limited.limitResponse ?? {};
      if (queuing) {
        queuing.queues ||= 64;
        queuing.handSize ||= 8;
        queuing.queueLengthLimit ||= 50;
      }
    }
    if (spec?.exempt) {
      spec.exempt.nominalConcurrencyShares ??= 0;
      spec.exempt.lendablePercent ??= 0;
    }
  },
  validate({ metadata, spec }) {
    const name = metadata?.name ?? "";
    if (spec === undefined) return [required("spec.type")];
    return [...validateSpec(name, spec), ...validateMandatory(name, spec)];
  },
  columns: [
    nameColumn,
    column("Type", ({ spec }) => spec?.type ?? ""),
    column(
      "NominalConcurrencyShares",
      ({ spec }) => (spec?.limited ?? spec?.exempt)?.nominalConcurrencyShares ?? NONE,
    ),
    column("Queues", ({ spec }) => spec?.limited?.limitResponse?.queuing?.queues ?? NONE),
    column("HandSize", ({ spec }) => spec?.limited?.limitResponse?.queuing?.handSize ?? NONE),
    column("QueueLengthLimit", ({ spec }) => spec?.limited?.limitResponse?.queuing?.queueLengthLimit ?? NONE),
    ageColumn,
  ],
};

function validateSpec(name: string, spec: t.V1PriorityLevelConfigurationSpec): FieldError[] {
  const errors: FieldError[] = [];
  if ((name === EXEMPT) !== (spec.type === "Exempt"))
    errors.push(invalid("spec.type", spec.type, "type must be 'Exempt' if and only if name is 'exempt'"));
  switch (spec.type) {
    case "Exempt":
      if (spec.limited) errors.push(forbiddenField("spec.limited", "must be nil if the type is not Limited"));
      return [...errors, ...validateShares("spec.exempt", spec.exempt ?? {})];
    case "Limited":
      if (spec.exempt) errors.push(forbiddenField("spec.exempt", "must be nil if the type is Limited"));
      if (spec.limited === undefined)
        return [...errors, required("spec.limited", "must not be empty when type is Limited")];
      return [...errors, ...validateLimited(spec.limited)];
    default:
      return [...errors, notSupported("spec.type", spec.type, ["Exempt", "Limited"])];
  }
}

function validateShares(field: string, shares: t.V1ExemptPriorityLevelConfiguration): FieldError[] {
  const { nominalConcurrencyShares = 0, lendablePercent } = shares;
  const wrong =
    nominalConcurrencyShares < 0
      ? [
          invalid(
            `${field}.nominalConcurrencyShares`,
            nominalConcurrencyShares,
            "must be a non-negative integer",
          ),
        ]
      : [];
  return [...wrong, ...inRange(`${field}.lendablePercent`, lendablePercent, 0, 100)];
}

function validateLimited(limited: t.V1LimitedPriorityLevelConfiguration): FieldError[] {
  const { borrowingLimitPercent: borrowing, limitResponse } = limited;
  const errors = validateShares("spec.limited", limited);
  if (borrowing !== undefined && borrowing < 0)
    errors.push(
      invalid(
        "spec.limited.borrowingLimitPercent",
        borrowing,
        "if specified, must be a non-negative integer",
      ),
    );
  const field = "spec.limited.limitResponse";
  const { type, queuing } = limitResponse ?? { type: "" };
  if (type === "Reject") {
    if (queuing)
      errors.push(
        forbiddenField(`${field}.queuing`, "must be nil if limited.limitResponse.type is not Limited"),
      );
    return errors;
  }
  if (type !== "Queue") return [...errors, notSupported(`${field}.type`, type, ["Queue", "Reject"])];
  if (queuing === undefined)
    return [
      ...errors,
      required(`${field}.queuing`, "must not be empty if limited.limitResponse.type is Limited"),
    ];
  return [...errors, ...validateQueuing(`${field}.queuing`, queuing)];
}

function validateQueuing(field: string, queuing: t.V1QueuingConfiguration): FieldError[] {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  const errors: FieldError[] = [];
  const wrong = (name: string, value: number, why: string) =>
    errors.push(invalid(`${field}.${name}`, value, why));
  if (queueLengthLimit <= 0) wrong("queueLengthLimit", queueLengthLimit, "must be positive");
  if (queues <= 0) wrong("queues", queues, "must be positive");
  else if (queues > MAX_QUEUES) wrong("queues", queues, `must not be greater than ${MAX_QUEUES}`);
  if (handSize <= 0) wrong("handSize", handSize, "must be positive");
  else if (handSize > queues) wrong("handSize", handSize, `should not be greater than queues (${queues})`);
  else if (entropyBits(queues, handSize) > MAX_ENTROPY_BITS)
    wrong(
      "handSize",
      handSize,
      `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be greater than ${MAX_ENTROPY_BITS}`,
    );
  return errors;
}

/** How many bits of a hash it takes to deal a hand out of a deck. */
function entropyBits(deckSize: number, handSize: number): number {
  let bits = 0;
  for (let dealt = 0; dealt < handSize; dealt++) bits += Math.log2(deckSize - dealt);
  return Math.ceil(bits);
}

function validateMandatory(name: string, spec: t.V1PriorityLevelConfigurationSpec): FieldError[] {
  const wanted = MANDATORY_LEVELS[name];
  if (wanted === undefined) return [];
  if (name === EXEMPT) {
    if (deepEqual({ ...spec, exempt: wanted.exempt }, wanted)) return [];
    const why = `spec of '${name}' except the 'spec.exempt' field must equal the fixed value`;
    return [invalid("spec", spec, why)];
  }
  return deepEqual(spec, wanted)
    ? []
    : [invalid("spec", spec, `spec of '${name}' must equal the fixed value`)];
}
