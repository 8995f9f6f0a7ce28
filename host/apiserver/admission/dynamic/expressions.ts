import type { Environment } from "@marcbachmann/cel-js";
import { CelAuthorizer, Pending, Questions, ResourceCheck } from "../../../api/cel/authorizer.ts";
import { COST_EXCEEDED } from "../../../api/cel/budget.ts";
import { evaluationProblem, Program } from "../../../api/cel/program.ts";
import { celValue } from "../../../api/cel/values.ts";
import type { Kind } from "../../../api/kind.ts";
import type { Api, User } from "../../api.ts";
import type { AnyObject } from "../../storage/view.ts";
import { decideFor } from "./authorizer-questions.ts";
import { documentKind, inVersion, type Operation, resourceOf } from "./operation.ts";

/** What expressions may speak of, by variable. */
export type Values = Readonly<Record<string, unknown>>;

/** An evaluation that found something, or what went wrong in it. */
export type Evaluated = { readonly value: unknown } | { readonly problem: string };

/** What several evaluations may cost together. */
export class CostAccount {
  #left: number;

  constructor(limit: number) {
    this.#left = limit;
  }

  get left(): number {
    return this.#left;
  }

  charge(cost: number): void {
    this.#left -= cost;
  }
}

/** An expression of a configuration; one that does not compile fails whenever it is asked. */
export class Expression {
  readonly text: string;
  readonly #program: Program | undefined;
  readonly #problem: string = "";

  constructor(environment: Environment, text: string) {
    this.text = text;
    try {
      this.#program = new Program(environment, text);
    } catch (error) {
      this.#problem = `compilation error: ${evaluationProblem(error)}`;
    }
  }

  /** @param questions  whose answers the values ask for */
  async evaluate(values: Values, account: CostAccount, questions: Questions): Promise<Evaluated> {
    for (;;) {
      try {
        return this.evaluateNow(values, account, questions);
      } catch (error) {
        if (!(error instanceof Pending)) throw error;
        await error.answered;
      }
    }
  }

  /** Throws Pending when an answer has to be waited for. */
  evaluateNow(values: Values, account: CostAccount, questions: Questions): Evaluated {
    const program = this.#program;
    if (program === undefined) return { problem: this.#problem };
    if (account.left <= 0) return { problem: COST_EXCEEDED };
    const asked = questions.budget;
    questions.budget = program.budget;
    try {
      return { value: program.evaluate(values, account.left) };
    } catch (error) {
      if (error instanceof Pending) throw error;
      return { problem: evaluationProblem(error) };
    } finally {
      questions.budget = asked;
      account.charge(program.budget.spent);
    }
  }
}

/** The document and the request in one version, as values; made once for all that look at it. */
export class Subject {
  readonly values: Values;
  readonly questions: Questions;

  constructor(
    readonly api: Api,
    readonly operation: Operation,
    readonly version: Kind,
    object: AnyObject | undefined,
  ) {
    const { user, asked, namespace = "", objectName, subresource = "" } = operation;
    this.questions = new Questions(decideFor(api, user));
    const resource = {
      group: asked.group,
      resource: asked.plural,
      namespace,
      ...(subresource === "" ? {} : { subresource }),
      ...(objectName === "" ? {} : { name: objectName }),
    };
    const requestResource = new ResourceCheck(this.questions, resource);
    this.values = {
      object: orNull(inVersion(operation, version, object)),
      oldObject: orNull(inVersion(operation, version, operation.old)),
      request: requestValue(operation, version),
      authorizer: new CelAuthorizer(this.questions, {}, requestResource),
    };
  }
}

function orNull(object: AnyObject | undefined): unknown {
  return object === undefined ? null : celValue(object);
}

function requestValue(operation: Operation, version: Kind): Record<string, unknown> {
  const { asked, subresource, objectName, namespace, name, user, dryRun, options } = operation;
  return {
    kind: documentKind(operation, version),
    resource: resourceOf(version),
    ...(subresource === undefined ? {} : { subResource: subresource, requestSubResource: subresource }),
    requestKind: documentKind(operation, asked),
    requestResource: resourceOf(asked),
    ...(objectName === "" ? {} : { name: objectName }),
    ...(namespace === undefined ? {} : { namespace }),
    operation: name,
    userInfo: userInfo(user),
    dryRun,
    options: celValue(options),
  };
}

/** authentication.k8s.io/v1 UserInfo */
export function userInfo({ name, uid, groups, extra }: User): Record<string, unknown> {
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups: [...groups],
    ...(extra === undefined ? {} : { extra: { ...extra } }),
  };
}
