/** One thing that has to be well. */
export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
}

export interface HealthQuestion {
  /** `/readyz/ping` asks about one check. */
  readonly single?: string;
  readonly verbose: boolean;
  readonly excluded: readonly string[];
}

/** `/readyz?verbose&exclude=ping` */
export function healthQuestion(single: string | undefined, query: URLSearchParams): HealthQuestion {
  return {
    ...(single === undefined ? {} : { single }),
    verbose: query.has("verbose"),
    excluded: query.getAll("exclude"),
  };
}

/**
 * What `/healthz`, `/livez` and `/readyz` of Kubernetes' components answer, as text.
 *
 * @returns undefined for a single check that does not exist
 */
export function answerHealth(
  path: string,
  checks: readonly HealthCheck[],
  { single, verbose, excluded }: HealthQuestion,
): { readonly code: 200 | 500; readonly body: string } | undefined {
  if (single !== undefined) {
    const found = checks.find(({ name }) => name === single);
    if (found === undefined) return undefined;
    if (found.ok) return { code: 200, body: "ok" };
    return { code: 500, body: `internal server error: ${single} failed\n` };
  }
  const asked = checks.filter(({ name }) => !excluded.includes(name));
  const failing = asked.some(({ ok }) => !ok);
  if (!failing && !verbose) return { code: 200, body: "ok" };
  const lines = asked.map(({ name, ok }) => (ok ? `[+]${name} ok` : `[-]${name} failed: reason withheld`));
  const verdict = `${path} check ${failing ? "failed" : "passed"}`;
  return { code: failing ? 500 : 200, body: `${[...lines, verdict].join("\n")}\n` };
}
