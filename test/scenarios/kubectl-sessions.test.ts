import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageFile } from "../../host/apimachinery/package-root.ts";
import { type PintleProcess, pintleUp, removeFolder, run, temporaryFolder } from "./pintle-process.ts";
import { hasKubectl } from "./requirements.ts";
import { matches, parseSession, type Step } from "./session.ts";

/** Every command of mission.md's kubectl row, at a shell; each file is a session in a cluster of its own. */
const SESSIONS = packageFile("test/scenarios/kubectl-sessions");
const WAIT_MS = 20_000;

describe.skipIf(!hasKubectl())("kubectl prints what it prints against Kubernetes", () => {
  describe.each(readdirSync(SESSIONS).filter((name) => name.endsWith(".txt")))("%s", (file) => {
    const folder = temporaryFolder();
    let cluster: PintleProcess;

    beforeAll(async () => {
      mkdirSync(join(folder, "home"));
      cluster = await pintleUp(join(folder, "data"), ["--seed", "7"]);
    });
    afterAll(async () => {
      await cluster?.stop();
      removeFolder(folder);
    });

    const ask = async (command: string) => {
      const env = { KUBECONFIG: cluster.kubeconfig, HOME: join(folder, "home"), SESSION: SESSIONS };
      const ran = await run("bash", ["-o", "pipefail", "-c", `{ ${command}\n} 2>&1`], { env });
      return { code: ran.code, printed: ran.stdout };
    };

    const steps = parseSession(readFileSync(join(SESSIONS, file), "utf8"));
    test.each(steps.map((step): [number, string, Step] => [step.line, step.command, step]))(
      "%d: %s",
      async (_line, command, step) => {
        const endMs = performance.now() + WAIT_MS;
        let answer = await ask(command);
        const isRight = () => answer.code === step.exitCode && matches(step.expected, answer.printed);
        while (step.eventually && !isRight() && performance.now() < endMs) {
          await delay(200);
          answer = await ask(command);
        }
        if (isRight()) return;
        // Side by side, so that the difference is seen.
        expect(`${answer.printed}[exit ${answer.code}]`).toBe(
          `${step.expected.join("\n")}\n[exit ${step.exitCode}]`,
        );
      },
    );
  });
});
