/** Kubernetes' minor version that a policy is read by; latest is this one. */
export const LATEST = 36;

/** `latest` or `v1.30`; undefined: neither. A version newer than this server's is its latest. */
export function parseVersion(text: string): { readonly text: string; readonly minor: number } | undefined {
  if (text === "latest") return { text, minor: LATEST };
  const minor = /^v1\.(0|[1-9]\d*)$/.exec(text)?.[1];
  if (minor === undefined) return undefined;
  return Number(minor) > LATEST ? { text: "latest", minor: LATEST } : { text, minor: Number(minor) };
}

export const LEVELS = ["privileged", "baseline", "restricted"] as const;
export type Level = (typeof LEVELS)[number];
