import { readFileSync } from "node:fs";
import { Option } from "commander";
import type { AccessOptions } from "../apiserver/server.ts";
import { Failure } from "./failure.ts";

/** Who is let in, as commander hands it over. */
export interface AccessFlags {
  readonly tokenAuthFile?: string;
  readonly anonymousAuth?: string;
  readonly requestheaderClientCaFile?: string;
  readonly requestheaderAllowedNames?: string;
}

/** kube-apiserver's flags of these names. */
export function accessFlags(): Option[] {
  return [
    new Option("--token-auth-file <file>", 'bearer tokens, as CSV lines token,user,uid,"group1,group2"'),
    new Option(
      "--anonymous-auth <yes>",
      "let in requests without credentials, as far as roles allow (default: for health and version only)",
    ).choices(["true", "false"]),
    new Option("--requestheader-client-ca-file <file>", "who signs the certificates of proxies in front"),
    new Option(
      "--requestheader-allowed-names <names>",
      "the proxies that may speak for others (default: all)",
    ),
  ];
}

export async function readAccess(flags: AccessFlags): Promise<AccessOptions> {
  const { tokenAuthFile, anonymousAuth, requestheaderClientCaFile: proxyCa } = flags;
  const names = flags.requestheaderAllowedNames?.split(",").filter(Boolean);
  if (proxyCa === undefined && names !== undefined)
    throw new Failure("--requestheader-allowed-names goes with --requestheader-client-ca-file only");
  return {
    ...(tokenAuthFile === undefined ? {} : { tokens: await readTokens(tokenAuthFile) }),
    ...(anonymousAuth === undefined ? {} : { anonymous: anonymousAuth === "true" }),
    ...(proxyCa === undefined
      ? {}
      : { frontProxy: { caCert: readFileSync(proxyCa, "utf8"), allowedNames: names ?? [] } }),
  };
}

/** Loaded when it is wanted: the command line itself starts without the server. */
async function readTokens(path: string): Promise<AccessOptions["tokens"]> {
  const { parseTokenFile } = await import("../apiserver/authentication/static-tokens.ts");
  try {
    return parseTokenFile(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof Error && !("code" in error)) throw new Failure(`${path}: ${error.message}`);
    throw error;
  }
}
