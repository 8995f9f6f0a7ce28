import { describe, expect, test } from "vitest";
import type { V1Node, V1Pod } from "../../host/api/generated/types.ts";
import { node, place, pod, refusalsOf, scores } from "./shorthand.ts";

/** ImageLocality and NodeDeclaredFeatures: shared/spec/scheduling.md 2.14 and 3.7. */
const MEGABYTE = 2 ** 20;

/** `withImages("n1", "a:1=250 b:1=10")`: sizes in units of 2^20 bytes. */
function withImages(name: string, images: string): V1Node {
  const one = node(name, "8/8Gi");
  one.status!.images = images
    .split(" ")
    .filter(Boolean)
    .map((text) => text.split("="))
    .map(([image, size]) => ({ names: [image!], sizeBytes: Number(size) * MEGABYTE }));
  return one;
}

/** `wanting("a:1 b", "init:1", "volume:1")`: containers, init containers, image volumes. */
function wanting(containers: string, inits = "", volumes = ""): V1Pod {
  const made = (text: string) =>
    text
      .split(" ")
      .filter(Boolean)
      .map((image, i) => ({ name: `c${i}`, image }));
  return pod("p", "", {
    containers: made(containers),
    initContainers: made(inits),
    volumes: made(volumes).map(({ name, image }) => ({ name, image: { reference: image } })),
  });
}

describe("ImageLocality", () => {
  test.each([
    { name: "250 on 1 of 2, two containers", nodes: ["a:1=250", ""], pod: wanting("a:1 b:1"), is: [5, 0] },
    { name: "40 and 300 on 1 of 2", nodes: ["a:1=40 b:1=300", ""], pod: wanting("a:1 b:1"), is: [7, 0] },
    { name: "4000 on 1 of 2", nodes: ["a:1=4000", ""], pod: wanting("a:1"), is: [100, 0] },
    {
      name: "4000 on 1 of 3, two containers",
      nodes: ["a:1=4000", "", ""],
      pod: wanting("a:1 b:1"),
      is: [66, 0, 0],
    },
    {
      name: "an image volume counts, but not as a container",
      nodes: ["v:1=300", "a:1=30"],
      pod: wanting("a:1", "", "v:1"),
      is: [12, 0],
    },
    {
      name: "an init container counts",
      nodes: ["i:1=300", "a:1=30"],
      pod: wanting("a:1", "i:1"),
      is: [6, 0],
    },
    {
      name: "64 three images",
      nodes: ["b:1=600 c:1=900", "a:1=300 b:1=600 c:1=900", ""],
      pod: wanting("a:1 b:1 c:1"),
      is: [32, 36, 0],
    },
    { name: "below 23 MB is nothing", nodes: ["a:1=45", ""], pod: wanting("a:1"), is: [0, 0] },
    { name: "no tag is latest", nodes: ["a:latest=4000", "a:1=4000"], pod: wanting("a"), is: [100, 0] },
    { name: "a port is no tag", nodes: ["r:5000/a:latest=4000", ""], pod: wanting("r:5000/a"), is: [100, 0] },
    { name: "a tag stays", nodes: ["a:latest=4000", ""], pod: wanting("a:2"), is: [0, 0] },
    {
      name: "no name is expanded",
      nodes: ["docker.io/library/a:1=4000", ""],
      pod: wanting("a:1"),
      is: [0, 0],
    },
    { name: "two containers of one image", nodes: ["a:1=500", ""], pod: wanting("a:1 a:1"), is: [24, 0] },
  ])("$name", async ({ nodes, pod: wanted, is }) => {
    const situation = { nodes: nodes.map((images, i) => withImages(`n${i}`, images)), pod: wanted };
    expect(await scores("ImageLocality", "raw", { ...situation })).toEqual(is);
  });

  test("an image is as large as the first node said", async () => {
    const nodes = [withImages("n1", "a:1=1000"), withImages("n2", "a:1=23")];
    expect(await scores("ImageLocality", "raw", { nodes, pod: wanting("a:1") })).toEqual([100, 100]);
  });
});

describe("NodeDeclaredFeatures", () => {
  const declaring = (name: string, ...declaredFeatures: string[]): V1Node => {
    const one = node(name, "8/8Gi");
    return { ...one, status: { ...one.status, declaredFeatures } };
  };
  const restart = "RestartAllContainersOnContainerExits";
  const users = "UserNamespacesHostNetworkSupport";
  const nodes = [declaring("both", restart, users), declaring("one", restart), declaring("none")];
  const no = "NodeDeclaredFeatures: node(s) didn't match Pod's required features";
  const rules = [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [1] } }];
  const restarting = { containers: [{ name: "c", restartPolicyRules: rules }] };
  test.each([
    { name: "nothing", spec: {}, is: ["fits", "fits", "fits"] },
    { name: "a rule that restarts all", spec: restarting, is: ["fits", "fits", no] },
    {
      name: "user namespaces on the host's network",
      spec: { hostNetwork: true, hostUsers: false },
      is: ["fits", no, no],
    },
    { name: "user namespaces alone", spec: { hostUsers: false }, is: ["fits", "fits", "fits"] },
    { name: "both", spec: { ...restarting, hostNetwork: true, hostUsers: false }, is: ["fits", no, no] },
  ])("$name", async ({ spec, is }) => {
    const { explanation } = await place({ nodes, pod: pod("p", "", spec) });
    expect(refusalsOf(explanation)).toEqual(is);
  });
});
