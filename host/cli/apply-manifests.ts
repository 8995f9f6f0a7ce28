import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { findKindByName } from "../api/registry.ts";
import { ApiError } from "../apimachinery/errors.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Client } from "../client/client.ts";
import { Failure } from "./failure.ts";

const EXTENSIONS = [".yaml", ".yml", ".json"];

/** One object of a manifest, and where it stands. */
interface Manifest {
  readonly path: string;
  readonly object: KubernetesObject;
}

/**
 * Creates what is missing and patches what is there, in the files' order.
 *
 * @param paths  files, or folders whose .yaml, .yml and .json files are taken in order of name
 * @returns a line an object, as kubectl apply says it: `deployment.apps/hello created`
 */
export async function applyManifests(client: Client, paths: readonly string[]): Promise<string[]> {
  const manifests = (await Promise.all(paths.flatMap(filesOf).map(readManifests))).flat();
  if (manifests.length === 0) throw new Failure(`no objects in ${paths.join(", ")}`);
  const lines: string[] = [];
  for (const manifest of manifests) lines.push(await apply(client, manifest));
  return lines;
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => EXTENSIONS.includes(extname(name)))
    .sort()
    .map((name) => join(path, name));
}

async function readManifests(path: string): Promise<Manifest[]> {
  const { parseAllDocuments } = await import("yaml");
  const documents = parseAllDocuments(readFileSync(path, "utf8"));
  const objects: KubernetesObject[] = [];
  for (const document of documents) {
    const error = document.errors[0];
    if (error !== undefined) throw new Failure(`${path}: ${error.message.split("\n")[0]}`);
    const value = document.toJS() as KubernetesObject | null;
    if (value !== null) objects.push(value);
  }
  return objects.map((object) => ({ path, object }));
}

async function apply(client: Client, { path, object }: Manifest): Promise<string> {
  const kind = findKindByName(object.apiVersion ?? "", object.kind ?? "");
  if (kind === undefined)
    throw new Failure(`${path}: no matches for kind "${object.kind}" in version "${object.apiVersion}"`);
  const namespace = kind.namespaced ? (object.metadata?.namespace ?? "default") : undefined;
  const reference = { namespace, name: object.metadata?.name ?? "" };
  const group = kind.group === "" ? "" : `.${kind.group}`;
  const said = (what: string) => `${kind.singular}${group}/${reference.name} ${what}`;
  try {
    await client.create(kind, { ...object, metadata: { ...object.metadata, namespace } });
    return said("created");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.reason !== "AlreadyExists") throw new Failure(`${path}: ${error.message}`);
  }
  const before = await client.get(kind, reference);
  const after = await client.patch(kind, reference, { type: "strategic", body: object });
  return said(
    after.metadata?.resourceVersion === before.metadata?.resourceVersion ? "unchanged" : "configured",
  );
}
