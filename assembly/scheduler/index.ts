export { ClassField, ClassPortsField, ExtendedRequestField, Verdict, VerdictField } from "../layout/class";
export { ClassImageField, ImageField, ImageNodesField } from "../layout/image";
export { EvaluationField, Filter, Insufficient, Limit, Score, ScoreField } from "../layout/evaluation";
export { ExtendedField, NodeField, UsedPortsField } from "../layout/node";
export {
  FitStrategy,
  ProfileField,
  ProfileFilterField,
  ScoredKind,
  ScoredResourceField,
  ScoreWeightField,
  UtilizationScoreField,
} from "../layout/profile";
export { RequestField, ResultField, StateField } from "../layout/ring";
export {
  ClassTrackField,
  DomainField,
  TermField,
  TermKind,
  TopologyKeyField,
  TrackField,
} from "../layout/topology";
export { Capacity, Code, Table, capacityOf, tableAddress } from "../layout/tables";
export { scheduleBatch } from "./cycle";
export { evaluate, evaluateSlot } from "./evaluate";
export { reserve, seedTies } from "./reserve";
export { goLog } from "./scores/go-log";
export { selfTest } from "./self-test";
export { countNode, prepareTopology } from "./topology/prepare";
