import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { HttpConnectionOptions } from "../client/http-connection.ts";
import { Failure } from "./failure.ts";

/** The cluster that was started here, when neither flag nor environment names another. */
const OWN = join(".pintle", "kubeconfig");

/** The file to read, as kubectl finds it, with our own cluster's before the home directory's. */
export function findKubeconfig(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const fromEnvironment = (env["KUBECONFIG"] ?? "").split(delimiter).find((path) => path !== "");
  const named = flag ?? fromEnvironment;
  if (named !== undefined) return named;
  return existsSync(OWN) ? OWN : join(homedir(), ".kube", "config");
}

/**
 * How to reach the cluster of a kubeconfig's current context: certificates and tokens, given in place or as files beside
 * the kubeconfig. What needs a helper program (exec, auth-provider) is refused.
 */
export async function readKubeconfig(path: string): Promise<HttpConnectionOptions> {
  if (!existsSync(path))
    throw new Failure(`no such file or directory: ${path}; name a kubeconfig with --kubeconfig`);
  const config = await parseConfig(path);
  const current = config["current-context"];
  if (typeof current !== "string" || current === "")
    throw new Failure(`${path}: current-context: Required value`);
  const named = (list: string, name: unknown, field: string): Fields => {
    const entries = Array.isArray(config[list]) ? (config[list] as unknown[]) : [];
    const found = entries.map(fieldsOf).find((one) => one["name"] === name);
    if (found === undefined) throw new Failure(`${path}: ${list}: Not found: "${String(name)}"`);
    return fieldsOf(found[field]);
  };
  const context = named("contexts", current, "context");
  const cluster = named("clusters", context["cluster"], "cluster");
  const user = named("users", context["user"], "user");
  const server = cluster["server"];
  if (typeof server !== "string") throw new Failure(`${path}: clusters: server: Required value`);
  for (const helper of ["exec", "auth-provider"])
    if (user[helper] !== undefined)
      throw new Failure(`${path}: users: ${helper} is not supported; use a token or a certificate`);
  const folder = dirname(resolve(path));
  return {
    server,
    ca: contentOf(cluster, "certificate-authority", folder),
    cert: contentOf(user, "client-certificate", folder),
    key: contentOf(user, "client-key", folder),
    token: textOf(user["token"]) ?? tokenFrom(user["tokenFile"], folder),
  };
}

async function parseConfig(path: string): Promise<Fields> {
  const { parse } = await import("yaml");
  const text = readFileSync(path, "utf8");
  try {
    return fieldsOf(parse(text) as unknown);
  } catch (error) {
    throw new Failure(`${path} is not YAML: ${(error as Error).message.split("\n")[0]}`);
  }
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** `NAME-data` in base64 goes before the file that `NAME` names, relative to the kubeconfig. */
function contentOf(fields: Fields, name: string, folder: string): string | undefined {
  const data = textOf(fields[`${name}-data`]);
  if (data !== undefined) return Buffer.from(data, "base64").toString();
  const file = textOf(fields[name]);
  return file === undefined ? undefined : readFileSync(resolve(folder, file), "utf8");
}

function tokenFrom(file: unknown, folder: string): string | undefined {
  const path = textOf(file);
  return path === undefined ? undefined : readFileSync(resolve(folder, path), "utf8").trim();
}
