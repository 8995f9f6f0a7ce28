import { celValue } from "../../../api/cel/values.ts";
import { Namespace } from "../../../api/core-kinds.ts";
import type { Kind } from "../../../api/kind.ts";
import type { Api } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import { Subject, type Values } from "../dynamic/expressions.ts";
import { matchingVersion } from "../dynamic/match.ts";
import type { Operation } from "../dynamic/operation.ts";
import { oneOf } from "../look-up.ts";
import { paramKindOf, paramsOf } from "./params.ts";
import type { Binding, BindingSpec, Policy, PolicySpec } from "./policy.ts";

/** A policy that is to be evaluated, through a binding, with a parameter. */
export interface Invocation<P extends PolicySpec, B extends BindingSpec> {
  readonly policy: Policy<P>;
  readonly binding: Binding<B>;
  /** The version of the object that the policy is about. */
  readonly version: Kind;
  /** What its expressions may speak of. */
  readonly subject: Subject;
  readonly values: Values;
}

/** A policy that cannot be evaluated; without a binding it is the policy itself that is wrong. */
export interface Misconfigured<P extends PolicySpec, B extends BindingSpec> {
  readonly policy: Policy<P>;
  readonly binding?: Binding<B>;
  readonly problem: string;
}

/** One write as the policies see it, whatever version of it each of them wants. */
export class PolicyRequest {
  readonly #subjects = new Map<Kind, Subject>();
  #namespace: Promise<unknown> | undefined;

  constructor(
    readonly api: Api,
    readonly operation: Operation,
    readonly object: AnyObject | undefined,
  ) {}

  /** What a policy is evaluated with, through each of its bindings that is for this write. */
  async invocations<P extends PolicySpec, B extends BindingSpec>(
    policy: Policy<P>,
    bindings: readonly Binding<B>[],
  ): Promise<readonly (Invocation<P, B> | Misconfigured<P, B>)[]> {
    const { api, operation, object } = this;
    if (bindings.length === 0) return [];
    const version = await matchingVersion(api, policy.criteria, operation, object);
    if (version === undefined) return [];
    const kind = paramKindOf(api, policy.spec);
    if (kind instanceof Error) return [{ policy, problem: `failed to configure policy: ${kind.message}` }];
    const found: (Invocation<P, B> | Misconfigured<P, B>)[] = [];
    for (const binding of bindings) {
      if (!(await this.#isFor(binding))) continue;
      try {
        for (const params of await paramsOf(api, kind, binding.spec, operation)) {
          const subject = this.#subject(version);
          found.push({ policy, binding, version, subject, values: await this.#values(subject, params) });
        }
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        found.push({ policy, binding, problem: `failed to configure binding: ${why}` });
      }
    }
    return found;
  }

  async #isFor({ criteria }: Binding): Promise<boolean> {
    if (criteria === undefined) return true;
    return (await matchingVersion(this.api, criteria, this.operation, this.object)) !== undefined;
  }

  #subject(version: Kind): Subject {
    let subject = this.#subjects.get(version);
    if (subject === undefined) {
      subject = new Subject(this.api, this.operation, version, this.object);
      this.#subjects.set(version, subject);
    }
    return subject;
  }

  async #values(subject: Subject, params: AnyObject | undefined): Promise<Values> {
    this.#namespace ??= this.#namespaceValue();
    return {
      ...subject.values,
      params: params === undefined ? null : celValue(params),
      namespaceObject: await this.#namespace,
    };
  }

  /** null for what is in no namespace, and for namespaces themselves. */
  async #namespaceValue(): Promise<unknown> {
    const { asked, namespace } = this.operation;
    if (!asked.namespaced || namespace === undefined) return null;
    const found = await oneOf(this.api, Namespace, namespace);
    return found === undefined ? null : celValue(found);
  }
}
