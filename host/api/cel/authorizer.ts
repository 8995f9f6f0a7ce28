import type { Environment } from "@marcbachmann/cel-js";
import type { Budget } from "./budget.ts";

/** What an expression asks to be decided. */
export interface AuthorizerQuestion {
  readonly verb: string;
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** `namespace:name` of the account that is asked for instead of the user. */
  readonly serviceAccount?: string;
}

export interface AuthorizerAnswer {
  readonly allowed: boolean;
  readonly reason: string;
  readonly error?: string;
}

export type Decide = (question: AuthorizerQuestion) => AuthorizerAnswer | Promise<AuthorizerAnswer>;

/** What one question costs (k8s.io/apiserver/pkg/cel/library): two fit into one evaluation. */
const QUESTION_COST = 350_000;

/** An answer that has to be waited for: the evaluation is given up, and done again when it is there. */
export class Pending {
  constructor(readonly answered: Promise<unknown>) {}
}

/** Asks each question once, however often an evaluation is begun again. */
export class Questions {
  readonly #decide: Decide;
  readonly #answers = new Map<string, AuthorizerAnswer>();
  budget: Budget | undefined;

  constructor(decide: Decide) {
    this.#decide = decide;
  }

  ask(question: AuthorizerQuestion): AuthorizerAnswer {
    this.budget?.spend(QUESTION_COST);
    const key = JSON.stringify(question);
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const answer = this.#decide(question);
    if (answer instanceof Promise) throw new Pending(answer.then((one) => this.#answers.set(key, one)));
    this.#answers.set(key, answer);
    return answer;
  }
}

type Part = Partial<AuthorizerQuestion>;

/** `authorizer`, and what is made of it on the way to a question. */
export class CelAuthorizer {
  constructor(
    readonly questions: Questions,
    readonly asked: Part,
    readonly requestResource: ResourceCheck,
  ) {}
}
class PathCheck {
  constructor(
    readonly questions: Questions,
    readonly asked: Part,
  ) {}
}
class GroupCheck {
  constructor(
    readonly questions: Questions,
    readonly asked: Part,
  ) {}
}
export class ResourceCheck {
  constructor(
    readonly questions: Questions,
    readonly asked: Part,
  ) {}
}
class CelDecision {
  constructor(readonly answer: AuthorizerAnswer) {}
}

const AUTHORIZER = "kubernetes.authorization.Authorizer";
const PATH = "kubernetes.authorization.PathCheck";
const GROUP = "kubernetes.authorization.GroupCheck";
const RESOURCE = "kubernetes.authorization.ResourceCheck";
const DECISION = "kubernetes.authorization.Decision";

/** Declares `authorizer`. Source: k8s.io/apiserver/pkg/cel/library/authz.go. */
export function registerAuthorizer(environment: Environment): Environment {
  environment
    .registerType(PATH, { ctor: PathCheck, fields: {} })
    .registerType(GROUP, { ctor: GroupCheck, fields: {} })
    .registerType(RESOURCE, { ctor: ResourceCheck, fields: {} })
    .registerType(DECISION, { ctor: CelDecision, fields: {} })
    .registerType(AUTHORIZER, { ctor: CelAuthorizer, fields: { requestResource: RESOURCE } })
    .registerFunction(
      `${AUTHORIZER}.path(string): ${PATH}`,
      ({ questions, asked }: CelAuthorizer, path: string) => new PathCheck(questions, { ...asked, path }),
    )
    .registerFunction(
      `${AUTHORIZER}.group(string): ${GROUP}`,
      ({ questions, asked }: CelAuthorizer, group: string) => new GroupCheck(questions, { ...asked, group }),
    )
    .registerFunction(
      `${AUTHORIZER}.serviceAccount(string, string): ${AUTHORIZER}`,
      (from: CelAuthorizer, namespace: string, name: string) =>
        new CelAuthorizer(from.questions, { serviceAccount: `${namespace}:${name}` }, from.requestResource),
    )
    .registerFunction(
      `${GROUP}.resource(string): ${RESOURCE}`,
      ({ questions, asked }: GroupCheck, resource: string) =>
        new ResourceCheck(questions, { ...asked, resource }),
    );
  for (const part of ["subresource", "namespace", "name", "fieldSelector", "labelSelector"] as const) {
    environment.registerFunction(
      `${RESOURCE}.${part}(string): ${RESOURCE}`,
      ({ questions, asked }: ResourceCheck, value: string) =>
        new ResourceCheck(questions, { ...asked, [part]: value }),
    );
  }
  for (const type of [PATH, RESOURCE]) {
    environment.registerFunction(
      `${type}.check(string): ${DECISION}`,
      ({ questions, asked }: PathCheck | ResourceCheck, verb: string) =>
        new CelDecision(questions.ask({ ...asked, verb })),
    );
  }
  return environment
    .registerFunction(`${DECISION}.allowed(): bool`, ({ answer }: CelDecision) => answer.allowed)
    .registerFunction(`${DECISION}.reason(): string`, ({ answer }: CelDecision) => answer.reason)
    .registerFunction(`${DECISION}.errored(): bool`, ({ answer }: CelDecision) => answer.error !== undefined)
    .registerFunction(`${DECISION}.error(): string`, ({ answer }: CelDecision) => answer.error ?? "")
    .registerVariable("authorizer", AUTHORIZER);
}
