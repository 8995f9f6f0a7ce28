import { existsSync, readFileSync, rmSync } from "node:fs";
import type { Pki } from "./pki.ts";
import { writePrivateFile } from "./private-file.ts";

/** Our cluster, user and context in a kubeconfig all have this name. */
export const CONTEXT = "pintle";

/** How a client reaches the cluster; certificates and key are PEM. */
export interface Access {
  readonly server: string;
  readonly caCert: string;
  readonly cert: string;
  readonly key: string;
}

/** The kubeconfig's user is the administrator. */
export function adminAccess(server: string, pki: Pki): Access {
  return { server, caCert: pki.caCert, cert: pki.admin.cert, key: pki.admin.key };
}

/** A file that is there but is not a kubeconfig. It is left as it is. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

/** The part of a kubeconfig we touch; whatever else stands there is carried along. */
interface Kubeconfig {
  [field: string]: unknown;
  clusters?: Named[] | null;
  contexts?: Named[] | null;
  users?: Named[] | null;
  "current-context"?: string;
}

interface Named {
  [field: string]: unknown;
  name: string;
}

/** A kubeconfig with our context alone, as `kubectl config view --raw` prints it. */
export function renderKubeconfig(access: Access): string {
  return `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${base64(access.caCert)}
    server: ${access.server}
  name: ${CONTEXT}
contexts:
- context:
    cluster: ${CONTEXT}
    user: ${CONTEXT}
  name: ${CONTEXT}
current-context: ${CONTEXT}
kind: Config
preferences: {}
users:
- name: ${CONTEXT}
  user:
    client-certificate-data: ${base64(access.cert)}
    client-key-data: ${base64(access.key)}
`;
}

/**
 * Puts our cluster, user and context into the kubeconfig at `path` and makes the context current. Other contexts of
 * the file stay. The file changes at once (rename) and has mode 0600.
 */
export async function writeKubeconfig(path: string, access: Access): Promise<void> {
  const text = renderKubeconfig(access);
  const existing = await withoutOurs(path);
  writePrivateFile(path, existing === undefined ? text : await merged(existing, text));
}

/** Takes our entries out of the kubeconfig at `path`; a file in which nothing else is left goes. Missing: nothing to do. */
export async function withdrawKubeconfig(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const rest = await withoutOurs(path);
  if (rest === undefined) rmSync(path, { force: true });
  else writePrivateFile(path, await stringify(rest));
}

/** What a kubeconfig of ours alone looks like. Recognised as text, so that a restart need not load a YAML parser. */
const OURS_ALONE = new RegExp(
  `^${renderKubeconfig({ server: "SERVER", caCert: "", cert: "", key: "" })
    .replace(/[{}]/g, "\\$&")
    .replace("SERVER", "\\S+")
    .replace(/-data: $/gm, "-data: \\S+")}$`,
);

/** The kubeconfig at `path` less our entries; undefined when there is no file or nothing else in it. */
async function withoutOurs(path: string): Promise<Kubeconfig | undefined> {
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, "utf8");
  if (text.trim() === "" || OURS_ALONE.test(text)) return undefined;
  const config = await parse(path, text);
  const others = (list: Named[] | null | undefined) => (list ?? []).filter((one) => one.name !== CONTEXT);
  const rest: Kubeconfig = {
    ...config,
    clusters: others(config.clusters),
    contexts: others(config.contexts),
    users: others(config.users),
    "current-context": config["current-context"] === CONTEXT ? "" : (config["current-context"] ?? ""),
  };
  const empty = [rest.clusters, rest.contexts, rest.users].every((list) => list?.length === 0);
  return empty ? undefined : rest;
}

async function parse(path: string, text: string): Promise<Kubeconfig> {
  const { parse: parseYaml } = await import("yaml");
  let value: unknown;
  try {
    value = parseYaml(text);
  } catch (error) {
    throw new KubeconfigError(`${path} is not YAML: ${(error as Error).message.split("\n")[0]}`);
  }
  if (typeof value !== "object" || value === null || (value as { kind?: unknown }).kind !== "Config")
    throw new KubeconfigError(`${path} is not a kubeconfig (kind is not Config)`);
  for (const list of ["clusters", "contexts", "users"]) {
    const entries = (value as Record<string, unknown>)[list] ?? [];
    if (!Array.isArray(entries) || entries.some((one) => typeof (one as Named | null)?.name !== "string"))
      throw new KubeconfigError(`${path} is not a kubeconfig (${list} is not a list of named entries)`);
  }
  return value as Kubeconfig;
}

async function merged(rest: Kubeconfig, ours: string): Promise<string> {
  const { parse: parseYaml } = await import("yaml");
  const mine = parseYaml(ours) as Kubeconfig;
  const both = (field: "clusters" | "contexts" | "users") => [...(rest[field] ?? []), ...(mine[field] ?? [])];
  return stringify({
    ...rest,
    clusters: both("clusters"),
    contexts: both("contexts"),
    users: both("users"),
    "current-context": CONTEXT,
  });
}

/** kubectl's layout: keys in order of the alphabet, lists not indented, no folding of long lines. */
async function stringify(config: Kubeconfig): Promise<string> {
  const { stringify: stringifyYaml } = await import("yaml");
  return stringifyYaml(config, {
    sortMapEntries: true,
    indentSeq: false,
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}

function base64(pem: string): string {
  return Buffer.from(pem).toString("base64");
}
