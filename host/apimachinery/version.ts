import { readFileSync } from "node:fs";
import { packageFile } from "./package-root.ts";

/** The Kubernetes level whose behaviour and API are served (shared/contract.md). */
export const KUBERNETES_VERSION = "v1.36.2";

/** Pintle's own version, as package.json has it. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(packageFile("package.json"), "utf8")) as { version: string }).version;
}
