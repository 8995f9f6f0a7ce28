import { ALPHA_KINDS } from "../api/alpha-kinds.ts";
import { apiVersionOf } from "../api/kind.ts";
import { KINDS } from "../api/registry.ts";
import { type FeatureGates, notBool, parseBool } from "../apimachinery/feature-gates.ts";

/** `scheduling.k8s.io/v1alpha2` and the like: versions that are served besides those that always are. */
export type RuntimeConfig = ReadonlySet<string>;

/** What is served and done besides what always is; absent: nothing. */
export interface FeatureOptions {
  readonly runtimeConfig?: RuntimeConfig;
  readonly featureGates?: FeatureGates;
}

const ALPHA_VERSIONS = new Set(ALPHA_KINDS.map(apiVersionOf));
const SERVED_VERSIONS = new Set(KINDS.map(apiVersionOf));
const GROUPS = new Set([...KINDS, ...ALPHA_KINDS].map(({ group }) => group));
/** Which versions a word for many of them is about; the later in this list win over the earlier. */
const WORDS = ["api/all", "api/ga", "api/beta", "api/alpha"];

/**
 * `scheduling.k8s.io/v1alpha2=true,api/alpha=true`, as kube-apiserver reads it; a key without a value is true. What is always
 * served here cannot be switched off: the controllers need it. Throws an Error, in kube-apiserver's words where it has them.
 */
export function parseRuntimeConfig(text: string): RuntimeConfig {
  const said = parsePairs(text);
  const enabled = new Set<string>();
  const set = (version: string, isOn: boolean) => {
    if (isOn) enabled.add(version);
    else enabled.delete(version);
  };
  if (said.size === 1 && said.get("api/all") === false)
    throw new Error("invalid key with only api/all=false");
  for (const word of WORDS) {
    const isOn = said.get(word);
    if (isOn === undefined) continue;
    if (!isOn && word !== "api/alpha" && word !== "api/beta") refuseToStop(word);
    if (word === "api/all" || word === "api/alpha") for (const version of ALPHA_VERSIONS) set(version, isOn);
  }
  refuseUnknownGroups([...said.keys()]);
  for (const [key, isOn] of said) {
    if (WORDS.includes(key)) continue;
    const [group = "", version, ...resource] = key.split("/");
    // `v1`, `api/v1`: the core group has always been there.
    const name = version === undefined ? group : `${group}/${version}`;
    if (name === "v1" || name === "api/v1" || SERVED_VERSIONS.has(name)) {
      if (!isOn) refuseToStop(key);
    } else if (!ALPHA_VERSIONS.has(name)) {
      throw new Error(`group version ${name} that has not been registered`);
    } else if (resource.length > 0) {
      throw new Error(`invalid key ${key}: the resources of a version are served together`);
    } else set(name, isOn);
  }
  return enabled;
}

function refuseToStop(key: string): never {
  throw new Error(`${key}=false: what is served by default cannot be switched off in Pintle`);
}

function refuseUnknownGroups(keys: readonly string[]): void {
  const unknown = keys
    .filter((key) => key.includes("/"))
    .map((key) => key.split("/")[0]!)
    .filter((group) => group !== "api" && !GROUPS.has(group));
  if (unknown.length > 0) throw new Error(`unknown api groups ${[...new Set(unknown)].join(",")}`);
}

function parsePairs(text: string): Map<string, boolean> {
  const pairs = new Map<string, boolean>();
  for (const pair of text.split(",")) {
    if (pair.trim() === "") continue;
    const [key = "", value = ""] = pair.split(/=(.*)/s).map((part) => part.trim());
    const isOn = value === "" ? true : parseBool(value);
    if (isOn === undefined) throw new Error(`invalid value of ${key}: ${value}, err: ${notBool(value)}`);
    if (key.split("/").length > 3) throw new Error(`runtime-config invalid key ${key}`);
    pairs.set(key, isOn);
  }
  return pairs;
}
