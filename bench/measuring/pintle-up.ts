import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import { readAdmin } from "../../host/security/pki.ts";
import type { Access } from "../apiserver/wire.ts";
import { type Started, startProgram } from "./process-tree.ts";

/** A real `pintle up` as a user starts it: a process of its own, a fresh data directory, store lmdb, a free port. */
export function startPintleUp(
  nodes: number,
  flags: readonly string[] = [],
  nodeFlags: readonly string[] = [],
): Promise<Started> {
  return startProgram(
    (folder) => [
      ...nodeFlags,
      packageFile("dist/host/cli/pintle.js"),
      "up",
      "--port",
      "0",
      "--data-dir",
      join(folder, "data"),
      "--nodes",
      `${nodes}`,
      ...flags,
    ],
    (folder) => existsSync(join(folder, "data/kubeconfig")),
  );
}

/** How its administrator reaches it. */
export function accessTo(program: Pick<Started, "folder">): Access {
  const dataDir = join(program.folder, "data");
  const admin = readAdmin(join(dataDir, "pki"))!;
  const url = /server: (\S+)/.exec(readFileSync(join(dataDir, "kubeconfig"), "utf8"))![1]!;
  return { url, ca: admin.caCert, cert: admin.cert, key: admin.key };
}
