import { expect, test } from "vitest";
import { parseRuntimeConfig } from "./runtime-config.ts";

const ALPHA = "scheduling.k8s.io/v1alpha2";

test.each([
  ["", []],
  [`${ALPHA}=true`, [ALPHA]],
  [`${ALPHA}`, [ALPHA]],
  [` ${ALPHA} = 1 `, [ALPHA]],
  [`${ALPHA}=false`, []],
  ["api/alpha=true", [ALPHA]],
  ["api/all=true", [ALPHA]],
  ["api/all=true,api/alpha=false", []],
  [`api/alpha=false,${ALPHA}=true`, [ALPHA]],
  [`${ALPHA}=false,api/alpha=true`, []],
  ["api/beta=true,api/beta=false,apps/v1=true,v1=true,api/v1", []],
])("%j serves %j besides", (text, wants) => {
  expect([...parseRuntimeConfig(text)]).toEqual(wants);
});

test.each([
  ["foo.example.com/v1=true,bar/v2", "unknown api groups foo.example.com,bar"],
  [
    "scheduling.k8s.io/v1alpha1=true",
    "group version scheduling.k8s.io/v1alpha1 that has not been registered",
  ],
  [
    `${ALPHA}=perhaps`,
    `invalid value of ${ALPHA}: perhaps, err: strconv.ParseBool: parsing "perhaps": invalid syntax`,
  ],
  ["api/all=false", "invalid key with only api/all=false"],
  ["apps/v1=false", "apps/v1=false: what is served by default cannot be switched off in Pintle"],
  ["api/ga=false", "api/ga=false: what is served by default cannot be switched off in Pintle"],
  [
    `${ALPHA}/podgroups=true`,
    `invalid key ${ALPHA}/podgroups: the resources of a version are served together`,
  ],
  ["a/b/c/d=true", "runtime-config invalid key a/b/c/d"],
])("%s is refused", (text, why) => {
  expect(() => parseRuntimeConfig(text)).toThrow(why);
});
