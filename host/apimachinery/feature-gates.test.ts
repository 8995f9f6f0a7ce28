import { expect, test } from "vitest";
import { parseFeatureGates } from "./feature-gates.ts";

// "W" stands for GenericWorkload, "G" for GangScheduling: those that are on.
test.each([
  { name: "nothing said", text: "", wants: "" },
  { name: "one", text: "GenericWorkload=true", wants: "W" },
  { name: "both, with blanks and Go's bools", text: " GenericWorkload = T ,GangScheduling=1", wants: "WG" },
  { name: "the last of a name counts", text: "GenericWorkload=false,GenericWorkload=true", wants: "W" },
  { name: "all of the stage", text: "AllAlpha=true", wants: "WG" },
  { name: "a named one wins, wherever it stands", text: "GangScheduling=false,AllAlpha=true", wants: "W" },
  { name: "no beta is off here", text: "AllBeta=true", wants: "" },
  { name: "what is not here may be off", text: "WorkloadAwarePreemption=false", wants: "" },
])("$name", ({ text, wants }) => {
  const { GenericWorkload, GangScheduling } = parseFeatureGates(text);
  expect(`${GenericWorkload ? "W" : ""}${GangScheduling ? "G" : ""}`).toBe(wants);
});

test.each([
  ["Foo=true", "unrecognized feature gate: Foo"],
  ["GenericWorkload", "missing bool value for GenericWorkload"],
  [
    "GenericWorkload=yes",
    'invalid value of GenericWorkload=yes, err: strconv.ParseBool: parsing "yes": invalid syntax',
  ],
  [
    "GangScheduling=true",
    "GangScheduling is enabled, but depends on features that are disabled: [GenericWorkload]",
  ],
  [
    "GenericWorkload=true,TopologyAwareWorkloadScheduling=true",
    "feature gate TopologyAwareWorkloadScheduling is not available in Pintle: it can only be false",
  ],
])("%s is refused", (text, why) => {
  expect(() => parseFeatureGates(text)).toThrow(why);
});
