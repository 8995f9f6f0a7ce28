import { afterAll, afterEach, describe, test } from "vitest";
import { openEtcdStore } from "../../host/store/etcd-store.ts";
import type { Store } from "../../host/store/store.ts";
import { runStoreContract } from "../../host/store/store-contract.ts";
import { EtcdProcess, hasEtcd } from "./etcd-process.ts";

/** Each store has an etcd of its own, since the contract speaks of revisions from the first. One waits started. */
const opened = new Map<Store, EtcdProcess>();
let spare: Promise<EtcdProcess> | undefined;

function takeEtcd(): Promise<EtcdProcess> {
  const taken = spare ?? EtcdProcess.start();
  spare = EtcdProcess.start();
  return taken;
}

afterEach(async () => {
  const all = [...opened];
  opened.clear();
  for (const [store] of all) await store.close();
  await Promise.all(new Set(all.map(([, etcd]) => etcd.remove())));
});

afterAll(async () => {
  await (await spare)?.remove();
});

if (hasEtcd())
  runStoreContract({
    name: "etcd",
    keepsOrder: false,
    isBounded: false,
    open: async (options) => {
      const etcd = await takeEtcd();
      const store = await openEtcdStore([etcd.endpoint], options);
      opened.set(store, etcd);
      return store;
    },
    reopen: async (store, clock) => {
      const etcd = opened.get(store)!;
      await store.close();
      const again = await openEtcdStore([etcd.endpoint], clock && { clock });
      opened.delete(store);
      opened.set(again, etcd);
      return again;
    },
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  });
else describe.skip("store contract: etcd", () => test("needs etcd-server", () => {}));
