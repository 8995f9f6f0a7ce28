import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { packageFile } from "../apimachinery/package-root.ts";

/** `debug` has assertions and imports env.abort; the others import nothing. */
export type Flavour = "release" | "scalar" | "debug";

const SUFFIXES: Record<Flavour, string> = { release: "wasm", scalar: "scalar.wasm", debug: "debug.wasm" };

const compiled = new Map<string, WebAssembly.Module>();

/**
 * A new instance of a built core, with nothing reserved. Synchronous: a control plane under the virtual clock must not
 * wait for I/O.
 *
 * @param core     `scheduler`, `service-table`
 * @param Exports  what the generated declarations say of it
 */
export function instantiateCore<Exports>(core: string, flavour: Flavour): Exports {
  const file = `${core}.${SUFFIXES[flavour]}`;
  let module = compiled.get(file);
  if (module === undefined) {
    module = new WebAssembly.Module(readFileSync(packageFile(`wasm-build/out/${file}`)));
    compiled.set(file, module);
  }
  return readEnums(instantiateSync<Record<string, unknown>>(module, {}).exports) as unknown as Exports;
}

/** The loader groups `Table.nodes` under `Table`, but leaves each member a WebAssembly.Global: take their values. */
function readEnums(exports: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(exports).map(([name, value]) => {
      const isEnum = typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype;
      return [name, isEnum ? readMembers(value as Record<string, WebAssembly.Global>) : value];
    }),
  );
}

function readMembers(members: Record<string, WebAssembly.Global>): Record<string, number> {
  return Object.fromEntries(Object.entries(members).map(([name, member]) => [name, member.value as number]));
}
