import { expect, test } from "vitest";
import { silentLogger } from "../apimachinery/log.ts";
import { openExtenderPort } from "./extender-port.ts";

const flags = { bindAddress: "127.0.0.1", securePort: 0, authorizationAlwaysAllowPaths: "" };
const open = (address: string) => openExtenderPort(address, flags, () => undefined, silentLogger);

test.each(["0.0.0.0:0", "[::]:0", "192.0.2.1:8888", "scheduler.example:8888"])(
  "%s is not opened to everybody",
  async (address) => {
    await expect(open(address)).rejects.toThrow(
      /^--extender-address: others than this machine reach \S+, and whoever is answered may bind pods: give --tls-cert-file, --tls-private-key-file and --client-ca-file$/,
    );
  },
);

test.each(["127.0.0.1:0", "localhost:0", ":0"])("%s is this machine's", async (address) => {
  await (await open(address)).stop();
});
