export { Action, DetectLocal, NodePortMode, OutcomeField, PacketField, PacketFrom, ServiceStateField } from "../layout/packet";
export {
  AffinityField,
  EndpointField,
  EntryField,
  EntryKind,
  FlowField,
  KeySpace,
  LocalAddress,
  RangeField,
  ServiceField,
  ServiceFlag,
  TargetField,
} from "../layout/service";
export { Capacity, Code, Table, capacityOf, tableAddress } from "../layout/service-tables";
export { removeFlow } from "./conntrack";
export { addEntry, findNthEntry, putKey, removeEntry } from "./entries";
export { reserve, seed } from "./reserve";
export { resolve } from "./resolve";
export { selfTest } from "./self-test";
