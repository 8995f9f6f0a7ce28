import { MANDATORY_LEVELS, MANDATORY_SCHEMAS } from "../../api/flow-control/mandatory.ts";
import type * as t from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { FlowSchema, PriorityLevelConfiguration } from "../../api/registry.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/copy.ts";
import { isReason } from "../../apimachinery/errors.ts";
import { randomUuid } from "../../apimachinery/random.ts";
import type { Api, WriteContext } from "../api.ts";
import type { AnyObject } from "../storage/view.ts";
import { update } from "../verbs/update.ts";
import { BOOTSTRAP_LEVELS, BOOTSTRAP_SCHEMAS } from "./bootstrap-objects.ts";

const SERVER: WriteContext = {
  user: { name: "system:apiserver", groups: ["system:masters", "system:authenticated"] },
  dryRun: false,
  fieldValidation: "Strict",
  fieldManager: "api-priority-and-fairness-config-producer-v1",
  warn: () => {},
};

/** The server follows its own versions of what it made, until somebody says otherwise. */
const AUTOUPDATE = "apf.kubernetes.io/autoupdate-spec";

type Spec = t.V1FlowSchemaSpec | t.V1PriorityLevelConfigurationSpec;
type Which = "mandatory" | "all";

/** Makes what is missing, and brings back to its spec what is the server's to say. All at once: the store commits them together. */
export async function ensureFlowControlObjects(api: Api, which: Which): Promise<void> {
  const [levels, schemas] =
    which === "all" ? [BOOTSTRAP_LEVELS, BOOTSTRAP_SCHEMAS] : [MANDATORY_LEVELS, MANDATORY_SCHEMAS];
  await Promise.all([
    ...Object.entries(levels).map(([name, spec]) => ensure(api, LEVEL, name, spec, name in MANDATORY_LEVELS)),
    ...Object.entries(schemas).map(([name, spec]) =>
      ensure(api, SCHEMA, name, spec, name in MANDATORY_SCHEMAS),
    ),
  ]);
}

const LEVEL = PriorityLevelConfiguration as unknown as Kind;
const SCHEMA = FlowSchema as unknown as Kind;

async function ensure(api: Api, kind: Kind, name: string, spec: Spec, isMandatory: boolean): Promise<void> {
  try {
    const found = await api.objects.find(kind, { name });
    if (found === undefined) return await plant(api, kind, name, spec);
    const { object } = found;
    const isOurs = isMandatory || object.metadata?.annotations?.[AUTOUPDATE] === "true";
    if (!isOurs || sameSpec(name, kind, object, spec)) return;
    await update(api, { kind, name }, { value: { ...object, spec }, strictErrors: [] }, SERVER);
  } catch (error) {
    // Another API server of the same store does the same work at the same time.
    if (!isReason(error, "Conflict") && !isReason(error, "NotFound")) throw error;
  }
}

/** Of level `exempt`, what it lends may be set. */
function sameSpec(name: string, kind: Kind, object: AnyObject, spec: Spec): boolean {
  const found = object["spec"] as t.V1PriorityLevelConfigurationSpec | undefined;
  if (kind === LEVEL && name === "exempt" && found?.type === "Exempt") return true;
  return deepEqual(found, spec);
}

/** Stores it as the verb `create` would. These are well-formed (a test creates them by the verb), and each costs the start. */
async function plant(api: Api, kind: Kind, name: string, spec: Spec): Promise<void> {
  const now = formatTime(api.clock.nowMs());
  const dangling = (level: string) => ({ conditions: [danglingCondition(level, true, now)] });
  const status = "rules" in spec ? dangling(spec.priorityLevelConfiguration.name) : {};
  await api.objects.create(
    kind,
    { name },
    {
      kind: kind.kind,
      apiVersion: `${kind.group}/${kind.version}`,
      metadata: {
        name,
        uid: randomUuid(api.random),
        generation: 1,
        creationTimestamp: now,
        annotations: { [AUTOUPDATE]: "true" },
      },
      spec,
      status,
    },
  );
}

/** Whether the level that a schema sends its requests to is there. Source: api-policy 9.1. */
function danglingCondition(level: string, isThere: boolean, now: string): t.V1FlowSchemaCondition {
  const what = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`;
  return {
    type: "Dangling",
    status: isThere ? "False" : "True",
    lastTransitionTime: now,
    reason: isThere ? "Found" : "NotFound",
    message: isThere ? `${what} and it exists` : `${what} but there is no such object`,
  };
}

/** Writes the condition where what it says is not true any more. */
export async function tellDangling(api: Api, schema: t.V1FlowSchema, isThere: boolean): Promise<void> {
  const level = schema.spec?.priorityLevelConfiguration.name ?? "";
  const wanted = danglingCondition(level, isThere, formatTime(api.clock.nowMs()));
  const conditions = schema.status?.conditions ?? [];
  const said = conditions.find(({ type }) => type === "Dangling");
  if (said !== undefined && said.status === wanted.status) {
    if (said.message === wanted.message) return;
    wanted.lastTransitionTime = said.lastTransitionTime;
  }
  const others = conditions.filter(({ type }) => type !== "Dangling");
  const value = { ...schema, status: { ...schema.status, conditions: [...others, wanted] } };
  const target = { kind: SCHEMA, name: schema.metadata?.name ?? "", subresource: "status" };
  try {
    await update(api, target, { value, strictErrors: [] }, SERVER);
  } catch (error) {
    // Whoever changed it meanwhile is heard of next; then this is looked at again.
    if (!isReason(error, "Conflict") && !isReason(error, "NotFound")) throw error;
  }
}
