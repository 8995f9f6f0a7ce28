export { ClassField, ClassPortsField, ExtendedRequestField, Verdict, VerdictField } from "../layout/class";
export { EvaluationField, Filter, Insufficient, Limit, Score, ScoreField } from "../layout/evaluation";
export { ExtendedField, NodeField, UsedPortsField } from "../layout/node";
export { RequestField, ResultField, StateField } from "../layout/ring";
export { Capacity, Code, Table, capacityOf, tableAddress } from "../layout/tables";
export { scheduleBatch } from "./cycle";
export { evaluate } from "./evaluate";
export { reserve, seedTies } from "./reserve";
export { selfTest } from "./self-test";
