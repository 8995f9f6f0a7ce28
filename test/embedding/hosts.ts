import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { run } from "../scenarios/pintle-process.ts";

/** Programs that run WebAssembly, found on this machine. */

/** Where .ci/run puts the Node.js versions that tests need beside the one they run on: 120 MB each, so not in node_modules. */
const NODES = process.env["PINTLE_NODES"] ?? join(homedir(), ".cache", "pintle");

const ownMajor = process.versions.node.split(".")[0];

/** Node.js of a major version: the one that runs this, or one that .ci/run has installed. */
export function findNode(major: string): string | undefined {
  if (major === ownMajor) return process.execPath;
  const path = join(NODES, `node-${major}`, "node_modules", "node", "bin", "node");
  return existsSync(path) ? path : undefined;
}

export function findProgram(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find(existsSync);
}

/** JavaScript that leaves the hash of the module in `bytes` in `hash`; a shared core gets its memory. */
const SELF_TEST = `
const module = new WebAssembly.Module(bytes);
const wanted = WebAssembly.Module.imports(module).length > 0;
const env = wanted ? { memory: new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true }) } : {};
const hash = new WebAssembly.Instance(module, { env }).exports.selfTest() >>> 0;
`;

/** What selfTest returns in a Node.js; the output whole when it is no number. */
export async function hashInNode(node: string, wasm: string): Promise<number | string> {
  const code = `const bytes = require("node:fs").readFileSync(${JSON.stringify(wasm)});${SELF_TEST}console.log(hash)`;
  return numberIn(await run(node, ["-e", code]), /^(\d+)\n$/);
}

/** In headless Chromium, as the text of a page; the module is in the page, so nothing is fetched. */
export async function hashInChromium(chromium: string, wasm: Uint8Array): Promise<number | string> {
  const folder = mkdtempSync(join(tmpdir(), "pintle-chromium-"));
  const page = join(folder, "page.html");
  const base64 = Buffer.from(wasm).toString("base64");
  writeFileSync(
    page,
    `<pre></pre><script>const bytes = Uint8Array.from(atob("${base64}"), (one) => one.charCodeAt(0));
${SELF_TEST}document.querySelector("pre").textContent = "hash " + hash;</script>`,
  );
  // The sandbox needs rights that a container seldom gives; the page is ours.
  const flags = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    `--user-data-dir=${join(folder, "profile")}`,
  ];
  try {
    return numberIn(
      await run(chromium, [...flags, "--dump-dom", `file://${page}`]),
      /<pre>hash (\d+)<\/pre>/,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** In wabt's interpreter, which calls every export without parameters. */
export async function hashInInterpreter(interpreter: string, wasm: string): Promise<number | string> {
  return numberIn(await run(interpreter, [wasm, "--run-all-exports"]), /^selfTest\(\) => i32:(\d+)$/m);
}

function numberIn({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }, form: RegExp) {
  const found = form.exec(stdout)?.[1];
  return code === 0 && found !== undefined ? Number(found) : `exit ${code}: ${stdout}${stderr}`;
}
