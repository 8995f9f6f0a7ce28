import { expect, test } from "vitest";
import { explainFailure } from "./failure.ts";

const system = (code: string, more: object) =>
  Object.assign(new Error(`${code}: as Node says it`), { code, ...more });

test.each([
  {
    name: "a taken port",
    error: system("EADDRINUSE", { address: "127.0.0.1", port: 6443 }),
    says: "127.0.0.1:6443 is taken; stop what listens there, or choose another port (0 picks a free one)",
  },
  {
    name: "a port below 1024",
    error: system("EACCES", { address: "127.0.0.1", port: 443 }),
    says: "no right to listen on 127.0.0.1:443; ports below 1024 need it; choose another",
  },
  {
    name: "a folder of somebody else",
    error: system("EACCES", { path: "/root/x" }),
    says: "permission denied: /root/x",
  },
  {
    name: "a file in the way",
    error: system("ENOTDIR", { path: "a/b" }),
    says: "a/b is not below a directory: a file is in the way",
  },
  {
    name: "what is already a sentence",
    error: new Error("store etcd is not available yet"),
    says: "store etcd is not available yet",
  },
  { name: "several lines", error: new Error("one\n  two\n"), says: "one; two" },
  { name: "something thrown that is no error", error: "odd", says: "odd" },
])("$name is one line", ({ error, says }) => {
  expect(explainFailure(error)).toBe(says);
});

test.each([
  { args: "up --restore a/b --nodes 3", says: "--restore: no such file or directory: a/b" },
  { args: "up --restore=./a/b", says: "--restore: no such file or directory: a/b" },
  { args: "simulate a/b", says: "no such file or directory: a/b" },
  { args: "up --restore c", says: "no such file or directory: a/b" },
])("$args: a file is named with its flag", ({ args, says }) => {
  expect(explainFailure(system("ENOENT", { path: "a/b" }), args.split(" "))).toBe(says);
});
