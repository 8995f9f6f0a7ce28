import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { V1Node, V1Pod } from "../api/generated/types.ts";
import type { Given, SimulatedCluster } from "./cluster.ts";
import { InputError } from "./input-error.ts";

/** 1/1000 of a GPU: fractions are asked for, whole GPUs are offered. */
export const GPU_RESOURCE = "openb/gpu-milli";
export const GPU_MODEL_LABEL = "openb/gpu-model";

const NODE_FILE = "openb_node_list_all_node.csv";
const POD_FILE = "openb_pod_list_default.csv";
const NAMESPACE = "default";

/** The trace does not say how many pods a node takes; this is what a kubelet offers. */
const PODS_PER_NODE = "110";

/** Said with every result: the trace shares single GPUs, a count of thousandths does not see their boundaries. */
export const OPENB_NOTE = `${GPU_RESOURCE} counts 1000 for each GPU of a node; the boundaries between its GPUs are ignored`;

/**
 * The openb trace (Alibaba) from the folder of its CSV files: nodes and pods in the files' order, pods whatever became of
 * them, and none of them leaves.
 */
export function readOpenb(folder: string): SimulatedCluster {
  return {
    nodes: readRows(join(folder, NODE_FILE), nodeOf),
    pods: readRows(join(folder, POD_FILE), podOf),
    objects: [],
  };
}

function nodeOf(row: Row): V1Node {
  const name = row.text("sn");
  const gpus = row.count("gpu");
  const model = row.text("model");
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: { "kubernetes.io/hostname": name, ...(model === "" ? {} : { [GPU_MODEL_LABEL]: model }) },
    },
    status: {
      allocatable: {
        cpu: `${row.count("cpu_milli")}m`,
        memory: `${row.count("memory_mib")}Mi`,
        pods: PODS_PER_NODE,
        ...(gpus === 0 ? {} : { [GPU_RESOURCE]: String(1000 * gpus) }),
      },
    },
  };
}

function podOf(row: Row): V1Pod {
  const gpuMilli = row.count("num_gpu") * row.count("gpu_milli");
  const models = row
    .text("gpu_spec")
    .split("|")
    .filter((model) => model !== "");
  const requests = {
    cpu: `${row.count("cpu_milli")}m`,
    memory: `${row.count("memory_mib")}Mi`,
    ...(gpuMilli === 0 ? {} : { [GPU_RESOURCE]: String(gpuMilli) }),
  };
  const oneOf = { matchExpressions: [{ key: GPU_MODEL_LABEL, operator: "In", values: models }] };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: row.text("name"), namespace: NAMESPACE },
    spec: {
      containers: [{ name: "task", resources: { requests } }],
      ...(models.length === 0
        ? {}
        : {
            affinity: {
              nodeAffinity: {
                requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [oneOf] },
              },
            },
          }),
    },
  };
}

/** A line of a CSV file, by the names of its heading. The trace quotes nothing. */
interface Row {
  text(column: string): string;
  /** A whole number from 0; an empty cell is 0. */
  count(column: string): number;
}

function readRows<T>(path: string, read: (row: Row) => T): Given<T>[] {
  if (!existsSync(path)) throw new InputError(`no such file or directory: ${path}`);
  const [heading = "", ...lines] = readFileSync(path, "utf8").split(/\r?\n/);
  const columns = heading.split(",");
  return lines.flatMap((line, i) =>
    line === "" ? [] : [{ path, object: read(rowOf(columns, line.split(","), `${path}: line ${i + 2}`)) }],
  );
}

function rowOf(columns: readonly string[], cells: readonly string[], where: string): Row {
  const text = (column: string) => {
    const at = columns.indexOf(column);
    if (at < 0 || cells[at] === undefined) throw new InputError(`${where}: ${column}: Required value`);
    return cells[at];
  };
  return {
    text,
    count: (column) => {
      const cell = text(column);
      if (!/^\d*$/.test(cell) || !Number.isSafeInteger(Number(cell)))
        throw new InputError(`${where}: ${column}: Invalid value: "${cell}": must be a whole number`);
      return Number(cell);
    },
  };
}
