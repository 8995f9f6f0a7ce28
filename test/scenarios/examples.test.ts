import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import { removeFolder, run, temporaryFolder } from "./pintle-process.ts";

/** The examples do what their README says. */
const folder = temporaryFolder();
afterAll(() => removeFolder(folder));

/** Runs `pintle demo` until it says that it stays up, then stops it. */
function demo(name: string, manifests: readonly string[]): Promise<{ output: string; code: number | null }> {
  const args = ["demo", ...manifests, "--data-dir", join(folder, name), "--port", "0", "--seed", "1"];
  const child = spawn(process.execPath, [packageFile("dist/host/cli/pintle.js"), ...args]);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk;
      if (output.includes("Ctrl-C stops it.")) child.kill("SIGINT");
    });
  return new Promise((resolve) => {
    child.once("exit", (code) => resolve({ output, code }));
  });
}

describe("examples", () => {
  test("01-hello: npm run demo shows which pod went where", async () => {
    const { output, code } = await demo("hello", []);
    expect(output).toContain("deployment.apps/hello created\nservice/hello created\n");
    expect(output.match(/^[├└]── default\/hello-\S+ +Running +10\.1\d\d\.\d+\.\d+$/gm)).toHaveLength(6);
    expect(output).toMatch(/^default\/hello +LoadBalancer +10\.\d+\.\d+\.\d+ +8086->80\/TCP$/m);
    expect(code).toBe(0);
  });

  test("01-hello again in the same data directory: everything is still there", async () => {
    const { output } = await demo("hello", []);
    expect(output).toContain("deployment.apps/hello unchanged\nservice/hello unchanged\n");
  });

  test("02-voting-app: five parts run", async () => {
    const { output, code } = await demo("voting", [packageFile("examples/02-voting-app")]);
    const running = [...output.matchAll(/default\/([a-z]+)-\S+ +Running/g)].map((match) => match[1]);
    expect([...new Set(running)].sort()).toEqual(["db", "redis", "result", "vote", "worker"]);
    expect(running).toHaveLength(8);
    expect(code).toBe(0);
  });

  test("03-embed: a cluster inside a program, which ends by itself", async () => {
    const ran = await run(process.execPath, [packageFile("examples/03-embed/embed.mjs")]);
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    expect(ran.stdout).toMatch(/^web runs on \S+ as 10\.\d+\.\d+\.\d+\n$/);
  });

  test("07-admission: one policy refuses, another changes", async () => {
    const ran = await run(process.execPath, [packageFile("examples/07-admission/admission.mjs")]);
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    expect(ran.stdout.split("\n")).toEqual([
      "pods \"any\" is forbidden: ValidatingAdmissionPolicy 'versions' with binding 'versions' denied request: say which version of nginx",
      expect.stringMatching(/^one was made by \S+$/),
      "",
    ]);
  });
});
