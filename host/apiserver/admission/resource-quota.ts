import { Pod, ResourceQuota } from "../../api/core-kinds.ts";
import type { V1Pod, V1ResourceQuota } from "../../api/generated/types.ts";
import type { Kind } from "../../api/kind.ts";
import { type Amounts, addAmounts, amountsOf } from "../../api/pod-spec/amounts.ts";
import { isInScope } from "../../api/quota/scopes.ts";
import { unsaid, usageOf } from "../../api/quota/usage.ts";
import { forbidden } from "../../apimachinery/errors.ts";
import {
  addQuantity,
  compareQuantity,
  formatQuantity,
  parseQuantity,
  type Quantity,
  quantityOf,
} from "../../apimachinery/quantity.ts";
import type { Api } from "../api.ts";
import type { UpdateStep } from "../storage/objects.ts";
import type { AnyObject } from "../storage/view.ts";
import type { Admission, Attributes } from "./chain.ts";
import { allOf, isOf } from "./look-up.ts";
import { isResize } from "./pod-resize.ts";

/**
 * Charges what an object takes to every quota of its namespace, or refuses it. The charge is written before the object: if
 * that then fails, the quota controller puts it right. Source: api-policy 4.7.
 */
export const resourceQuota: Admission = async (api, attributes, context) => {
  const { verb, namespace, subresource } = attributes;
  if (verb === "delete" || namespace === undefined) return;
  if (subresource !== undefined && !isResize(attributes)) return;
  const quotas = await allOf(api, ResourceQuota, namespace);
  if (quotas.length === 0) return;
  const growth = growthOf(api, attributes);
  const charged = quotas.filter((quota) => concerns(quota, attributes, growth));
  for (const quota of charged) requireRoom(quota, attributes, growth);
  if (context.dryRun) return;
  for (const quota of charged) await charge(api, quota, attributes, growth);
};

/** What the object takes; on an update, what it takes more than before. */
function growthOf(api: Api, { kind, object, old }: Attributes): Amounts {
  const nowMs = api.clock.nowMs();
  const after = usageOf(kind, object!, nowMs);
  if (old === undefined) return after;
  const before = usageOf(kind, old, nowMs);
  const growth: Amounts = new Map();
  for (const [name, amount] of after) {
    const more = minus(amount, before.get(name));
    if (compareQuantity(more, quantityOf(0)) > 0) growth.set(name, more);
  }
  return growth;
}

function minus(amount: Quantity, less: Quantity | undefined): Quantity {
  return less === undefined ? amount : addQuantity(amount, negative(less));
}

function negative({ milli, nano, format }: Quantity): Quantity {
  return {
    milli: milli === undefined ? undefined : -milli,
    nano: nano === undefined ? undefined : -nano,
    format,
  };
}

/** Only what the status limits counts: a quota no controller has seen yet limits nothing. */
function concerns(quota: V1ResourceQuota, { kind, object }: Attributes, growth: Amounts): boolean {
  const hard = Object.keys(quota.status?.hard ?? {});
  return isInScope(quota, kind, object!) && hard.some((name) => growth.has(name) || isPodName(kind, name));
}

/** A pod that says nothing of cpu still concerns a quota of cpu: it has to say it. */
function isPodName({ group, plural }: Kind, name: string): boolean {
  return group === "" && plural === "pods" && /^(requests\.|limits\.)?(cpu|memory)$/.test(name);
}

function requireRoom(quota: V1ResourceQuota, attributes: Attributes, growth: Amounts): void {
  const { kind, name, object, old } = attributes;
  const hard = quota.status?.hard ?? {};
  const quotaName = quota.metadata?.name;
  if (old === undefined && isOf(attributes, Pod)) {
    const missing = unsaid(object as V1Pod, Object.keys(hard));
    if (missing !== "") throw forbidden(kind, name, `failed quota: ${quotaName}: must specify ${missing}`);
  }
  const limited = Object.keys(hard)
    .filter((one) => growth.has(one))
    .sort();
  const used = quota.status?.used ?? {};
  const unknown = limited.filter((one) => used[one] === undefined);
  if (unknown.length > 0) {
    throw forbidden(kind, name, `status unknown for quota: ${quotaName}, resources: ${unknown.join(",")}`);
  }
  const over = limited.filter((one) => {
    const total = addQuantity(parseQuantity(used[one]!), growth.get(one)!);
    return compareQuantity(total, parseQuantity(hard[one]!)) > 0;
  });
  if (over.length === 0) return;
  const listed = (amount: (resource: string) => string) =>
    over.map((one) => `${one}=${amount(one)}`).join(",");
  const why =
    `exceeded quota: ${quotaName}, requested: ${listed((one) => formatQuantity(growth.get(one)!))}, ` +
    `used: ${listed((one) => used[one]!)}, limited: ${listed((one) => hard[one]!)}`;
  throw forbidden(kind, name, why);
}

/** Adds to what the quota says is used; whoever comes second sees what the first one took. */
async function charge(
  api: Api,
  quota: V1ResourceQuota,
  attributes: Attributes,
  growth: Amounts,
): Promise<void> {
  const { name = "", namespace } = quota.metadata ?? {};
  await api.objects.update(
    ResourceQuota as unknown as Kind,
    { name, namespace },
    async (current): Promise<UpdateStep> => {
      const newest = current.object as V1ResourceQuota;
      requireRoom(newest, attributes, growth);
      const used = amountsOf(newest.status?.used);
      addAmounts(used, new Map([...growth].filter(([one]) => newest.status?.hard?.[one] !== undefined)));
      const texts = Object.fromEntries([...used].map(([one, amount]) => [one, formatQuantity(amount)]));
      const object = { ...newest, status: { ...newest.status, used: texts } };
      return { kind: "put", object: object as AnyObject };
    },
  );
}
