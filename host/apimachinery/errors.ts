/**
 * The API's failures: one table from name to HTTP code and reason, and one class that carries the Status document.
 * Source: metav1.Status and k8s.io/apimachinery/pkg/api/errors; texts in spec api-wire 9.
 */
export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

export interface Status {
  kind: "Status";
  apiVersion: "v1";
  metadata: Record<string, unknown>;
  status: "Success" | "Failure";
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code?: number;
}

const CODES = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  Gone: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

export type Reason = keyof typeof CODES;

/** A failure that the caller of the API is told about. `status` is the body of the answer. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: Status;

  constructor(reason: Reason | "", message: string, details?: StatusDetails, code?: number) {
    super(message);
    this.status = {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message,
      ...(reason === "" ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code: code ?? (reason === "" ? 500 : CODES[reason]),
    };
  }

  get code(): number {
    return this.status.code ?? 500;
  }

  get reason(): string {
    return this.status.reason ?? "";
  }

  /** The failure a server answered with, as the HTTP client met it. */
  static fromStatus(status: Status): ApiError {
    const error = new ApiError("", status.message ?? "unknown failure", status.details, status.code);
    Object.assign(error.status, status);
    return error;
  }
}

/** What an error text needs to know of a kind. */
export interface ResourceName {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

/** `pods`, `deployments.apps` */
export function qualifiedResource(resource: ResourceName): string {
  return resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
}

function resourceDetails(resource: ResourceName, name: string): StatusDetails {
  return {
    ...(name === "" ? {} : { name }),
    ...(resource.group === "" ? {} : { group: resource.group }),
    kind: resource.plural,
  };
}

export function notFound(resource: ResourceName, name: string): ApiError {
  return new ApiError(
    "NotFound",
    `${qualifiedResource(resource)} "${name}" not found`,
    resourceDetails(resource, name),
  );
}

export function alreadyExists(resource: ResourceName, name: string): ApiError {
  const message = `${qualifiedResource(resource)} "${name}" already exists`;
  return new ApiError("AlreadyExists", message, resourceDetails(resource, name));
}

const MODIFIED =
  "the object has been modified; please apply your changes to the latest version and try again";

export function conflict(resource: ResourceName, name: string, why = MODIFIED): ApiError {
  const message = `Operation cannot be fulfilled on ${qualifiedResource(resource)} "${name}": ${why}`;
  return new ApiError("Conflict", message, resourceDetails(resource, name));
}

export function forbidden(resource: ResourceName, name: string, why: string): ApiError {
  const named = name === "" ? qualifiedResource(resource) : `${qualifiedResource(resource)} "${name}"`;
  return new ApiError("Forbidden", `${named} is forbidden: ${why}`, resourceDetails(resource, name));
}

export function badRequest(message: string): ApiError {
  return new ApiError("BadRequest", message);
}

/** What an object may take in the store: etcd's own limit for a request, and the same for the other engines. */
export const MAX_OBJECT_BYTES = 1_572_864;

export function objectTooLarge(): ApiError {
  return new ApiError("RequestEntityTooLarge", `Request entity too large: limit is ${MAX_OBJECT_BYTES}`);
}

export function internalError(message: string): ApiError {
  return new ApiError("InternalError", `Internal error occurred: ${message}`, { causes: [{ message }] });
}

export function isReason(error: unknown, reason: Reason): boolean {
  return error instanceof ApiError && error.reason === reason;
}
