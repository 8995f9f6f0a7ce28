import { readFileSync } from "node:fs";
import { extname } from "node:path";
import { ApiError } from "../../apimachinery/errors.ts";
import { JsonSyntaxError, parseJson } from "../../apimachinery/json-text.ts";
import { readYaml, YamlSyntaxError } from "../../apimachinery/yaml-text.ts";
import type { KubeSchedulerConfiguration } from "./kube-scheduler-configuration.ts";
import { readConfiguration } from "./read-configuration.ts";

/** A file is not a configuration. The message is one line, and begins with the file. */
export class ConfigurationFileError extends Error {
  override readonly name = "ConfigurationFileError";

  constructor(path: string, why: string) {
    super(`${path}: ${why.replace(/\s*\n\s*/g, "; ")}`);
  }
}

/**
 * Reads a configuration from a YAML or JSON file, and checks it.
 *
 * @throws ConfigurationFileError, or the system's error for a file that cannot be read
 */
export function readConfigurationFile(path: string): KubeSchedulerConfiguration {
  const text = readFileSync(path, "utf8");
  try {
    const value = extname(path) === ".json" ? parseJson(text) : yamlDocument(text);
    readConfiguration(value);
    return value as KubeSchedulerConfiguration;
  } catch (error) {
    const isMistake =
      error instanceof ApiError || error instanceof YamlSyntaxError || error instanceof JsonSyntaxError;
    throw isMistake ? new ConfigurationFileError(path, error.message) : error;
  }
}

function yamlDocument(text: string): unknown {
  const { value, repeated } = readYaml(text);
  const [twice] = repeated;
  if (twice !== undefined)
    throw new YamlSyntaxError(
      `yaml: line ${twice.line}: key ${JSON.stringify(twice.key)} already set in map`,
    );
  return value;
}
