import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { removeFolder, runPintle, temporaryFolder } from "../../test/scenarios/pintle-process.ts";
import { packageFile } from "../apimachinery/package-root.ts";

const folder = temporaryFolder();
afterAll(() => removeFolder(folder));

const APPENDIX_A = packageFile("test/service-table/golden/appendix-a.yaml");
const run = (...words: string[]) => runPintle(["proxy", "render", ...words]);

describe("pintle proxy render", () => {
  test("the reference's six Services, byte for byte", async () => {
    const ran = await run("-f", APPENDIX_A, "--cluster-cidr", "10.0.0.0/8");
    const golden = packageFile("test/service-table/golden/appendix-a.ipv4.txt");
    expect([ran.code, ran.stderr, ran.stdout]).toEqual([0, "", readFileSync(golden, "utf8")]);
  });

  test("the same as nftables", async () => {
    const ran = await run("-f", APPENDIX_A, "--cluster-cidr", "10.0.0.0/8", "--proxy-mode", "nftables");
    const golden = packageFile("test/service-table/golden/appendix-a.nft.txt");
    expect([ran.code, ran.stderr, ran.stdout]).toEqual([0, "", readFileSync(golden, "utf8")]);
  });

  test("flags are kube-proxy's", async () => {
    const [six, marked, bad, none, usage] = await Promise.all([
      run("-f", APPENDIX_A, "--family", "ipv6"),
      run(
        "-f",
        APPENDIX_A,
        "--iptables-masquerade-bit",
        "0",
        "--node",
        "other",
        "--nodeport-addresses",
        "primary",
      ),
      run("-f", APPENDIX_A, "--cluster-cidr", "10.0.0.0"),
      run("-f", join(folder, "absent.yaml")),
      run("--family", "ipv4"),
    ]);
    expect(six.stdout).toMatch(/ -m addrtype --dst-type LOCAL ! -d ::1\/128 -j KUBE-NODEPORTS\n/);
    expect(marked.stdout).toMatch(/--or-mark 0x00000001\n/);
    expect([bad.code, bad.stderr]).toEqual([1, 'pintle: cluster-cidr: "10.0.0.0" is not a CIDR block\n']);
    expect([none.code, none.stderr]).toEqual([
      1,
      expect.stringMatching(/^pintle: no such file or directory/),
    ]);
    expect([usage.code, usage.stderr]).toEqual([2, expect.stringMatching(/required option '-f/)]);
  });

  test("a Service without an address is said to have no rules", async () => {
    const file = join(folder, "service.yaml");
    writeFileSync(
      file,
      "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}",
    );
    const ran = await run("-f", file);
    expect([ran.code, ran.stderr]).toEqual([
      0,
      'pintle: Service "default/web": spec.clusterIP: none is given, so it has no rules\n',
    ]);
    expect(ran.stdout).toMatch(/^\*filter\n(.*\n)*COMMIT\n$/);
  });
});
