import { readFileSync } from "node:fs";
import { type FieldError, invalid, required, tooMany } from "../../apimachinery/field-error.ts";
import { isQualifiedName } from "../../apimachinery/names.ts";
import { isExtendedResource } from "../resource-names.ts";
import { readDuration } from "./arg-fields.ts";
import type { Extender, ExtenderTLSConfig } from "./kube-scheduler-configuration.ts";

/** An extender as it takes effect. An empty verb: it is not asked for that. */
export interface ExtenderConfiguration {
  /** As it is written; messages name it. */
  readonly urlPrefix: string;
  readonly filterVerb: string;
  readonly prioritizeVerb: string;
  readonly bindVerb: string;
  readonly preemptVerb: string;
  readonly weight: number;
  readonly tls: ExtenderTls;
  readonly timeoutMs: number;
  /** It knows the nodes: it is told their names alone. */
  readonly nodeCacheCapable: boolean;
  /** Only pods that ask for one of these are its business; none: all are. */
  readonly managedResources: ReadonlySet<string>;
  /** Pods are placed without it when it fails. */
  readonly ignorable: boolean;
}

/** PEM texts. */
export interface ExtenderTls {
  /** Its certificate is not looked at. */
  readonly insecure: boolean;
  readonly serverName?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

/** Each is asked for every pod that concerns it. */
const MAX_EXTENDERS = 64;
const TIMEOUT_MS = 5_000;

/** Reads extenders: those that may be ignored come last, as in kube-scheduler. */
export function readExtenders(
  extenders: readonly Extender[],
  field: string,
  errors: FieldError[],
): readonly ExtenderConfiguration[] {
  const managed = new Set<string>();
  if (extenders.length > MAX_EXTENDERS) errors.push(tooMany(field, extenders.length, MAX_EXTENDERS));
  const read = extenders.map((extender, i) => readExtender(extender, `${field}[${i}]`, managed, errors));
  const binders = extenders.filter(({ bindVerb = "" }) => bindVerb !== "").length;
  if (binders > 1)
    errors.push(
      invalid(field, `found ${binders} extenders implementing bind`, "only one extender can implement bind"),
    );
  return [...read.filter(({ ignorable }) => !ignorable), ...read.filter(({ ignorable }) => ignorable)];
}

/** Resources that an extender looks after, so that NodeResourcesFit need not. */
export function resourcesIgnored(extenders: readonly Extender[]): string[] {
  return extenders.flatMap(({ managedResources = [] }) =>
    managedResources.filter(({ ignoredByScheduler }) => ignoredByScheduler).map(({ name }) => name),
  );
}

/** What kube-scheduler does in silence. */
export function extenderWarnings(extenders: readonly Extender[]): string[] {
  return extenders.flatMap(({ enableHTTPS, tlsConfig = {} }, i) => {
    const { insecure, caFile, caData } = tlsConfig;
    return enableHTTPS && !insecure && !caFile && !caData
      ? [`extenders[${i}]: without tlsConfig.caFile or caData the extender's certificate is not checked`]
      : [];
  });
}

function readExtender(
  extender: Extender,
  at: string,
  managed: Set<string>,
  errors: FieldError[],
): ExtenderConfiguration {
  const { urlPrefix = "", prioritizeVerb = "", weight = 0, managedResources = [] } = extender;
  if (urlPrefix === "") errors.push(required(`${at}.urlPrefix`));
  else if (!isUrl(urlPrefix))
    errors.push(invalid(`${at}.urlPrefix`, urlPrefix, "must be an http or https URL"));
  if (prioritizeVerb !== "" && weight <= 0)
    errors.push(invalid(`${at}.weight`, weight, "must have a positive weight applied to it"));
  managedResources.forEach(({ name }, j) => {
    const where = `${at}.managedResources[${j}].name`;
    const messages = isQualifiedName(name);
    for (const message of messages) errors.push(invalid(where, name, message));
    if (messages.length === 0 && !isExtendedResource(name))
      errors.push(invalid(where, name, "is an invalid extended resource name"));
    if (managed.has(name)) errors.push(invalid(where, name, "duplicate extender managed resource name"));
    managed.add(name);
  });
  return {
    urlPrefix,
    filterVerb: extender.filterVerb ?? "",
    prioritizeVerb,
    bindVerb: extender.bindVerb ?? "",
    preemptVerb: extender.preemptVerb ?? "",
    weight,
    tls: readTls(extender.enableHTTPS ?? false, extender.tlsConfig ?? {}, `${at}.tlsConfig`, errors),
    timeoutMs: readDuration(extender.httpTimeout, 0, `${at}.httpTimeout`, errors) || TIMEOUT_MS,
    nodeCacheCapable: extender.nodeCacheCapable ?? false,
    managedResources: new Set(managedResources.map(({ name }) => name)),
    ignorable: extender.ignorable ?? false,
  };
}

function isUrl(text: string): boolean {
  return URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol);
}

/** Data stands before a file, as in client-go; without an authority HTTPS is taken on trust, as kube-scheduler does. */
function readTls(
  enableHttps: boolean,
  written: ExtenderTLSConfig,
  at: string,
  errors: FieldError[],
): ExtenderTls {
  const pem = (data: string | undefined, path: string | undefined, name: string): string | undefined => {
    if (data) return Buffer.from(data, "base64").toString();
    if (!path) return undefined;
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      errors.push(invalid(`${at}.${name}`, path, error instanceof Error ? error.message : String(error)));
      return undefined;
    }
  };
  const ca = pem(written.caData, written.caFile, "caFile");
  const cert = pem(written.certData, written.certFile, "certFile");
  const key = pem(written.keyData, written.keyFile, "keyFile");
  const insecure = written.insecure ?? false;
  if (insecure && ca !== undefined)
    errors.push(
      invalid(
        `${at}.insecure`,
        true,
        "specifying a root certificates file with the insecure flag is not allowed",
      ),
    );
  if ((cert === undefined) !== (key === undefined))
    errors.push(required(`${at}.${cert === undefined ? "certFile" : "keyFile"}`));
  return {
    insecure: insecure || (enableHttps && ca === undefined),
    ...(written.serverName ? { serverName: written.serverName } : {}),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
  };
}
