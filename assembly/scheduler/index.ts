export { ClassField, ClassPortsField, ExtendedRequestField, Verdict, VerdictField } from "../layout/class";
export { IndexMode } from "../layout/class-index";
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
export { ShapeField, ShapePart, ShapePartField, TriedPodField } from "../layout/preemption";
export { RequestField, ResultField, StateField } from "../layout/ring";
export {
  ClassTrackField,
  DomainField,
  DomainNodesField,
  TermField,
  TermKind,
  TopologyKeyField,
  TrackField,
} from "../layout/topology";
export {
  BindingClaimField,
  CandidateField,
  ChosenField,
  ClassVolumeField,
  DevicePoolField,
  DriverField,
  NodeDeviceField,
  RequirementField,
  RuleField,
  VolumeField,
  VolumeFilter,
  VolumeFlag,
  VolumeRefusal,
  VolumeUseField,
} from "../layout/volumes";
export { Code } from "../layout/reservation";
export { Capacity, Table, capacityOf, tableAddress } from "../layout/tables";
export { assume } from "./assume";
export { scheduleBatch } from "./cycle";
export { evaluate, evaluateSlot } from "./evaluate";
export { touch } from "./indexes/changes";
export { classChanged, setIndexMode } from "./indexes/directory";
export { dryRun, judgeNominated } from "./preemption/dry-run";
export { reserve, seedTies } from "./reserve";
export { goLog } from "./scores/go-log";
export { selfTest } from "./self-test";
export { putDomain } from "./topology/domains";
export { countNode, prepareTopology } from "./topology/prepare";
export { clearTrack } from "./topology/tracks";
export { prepareVolumes } from "./volumes/prepare";
export { changeUse, clearUses } from "./volumes/uses";
