import { fromJSON, type MethodDefinition } from "@grpc/proto-loader";

/**
 * The part of etcd's v3 API that the store speaks: messages and methods as in etcd's `rpc.proto` and `kv.proto`, with
 * their field numbers. Fields that are not named here are left out on the wire and skipped when read.
 */
type Namespace = Parameters<typeof fromJSON>[0];
interface Field {
  readonly type: string;
  readonly id: number;
}
const field = (type: string, id: number): Field => ({ type, id });
const list = (type: string, id: number): Field & { rule: string } => ({ rule: "repeated", type, id });
const message = (fields: Record<string, Field>, ...oneof: string[]): Namespace & { fields: typeof fields } =>
  oneof.length === 0 ? { fields } : { fields, ...{ oneofs: { choice: { oneof } } } };
const method = (requestType: string, responseType: string) => ({ requestType, responseType, comment: "" });

const header = field("ResponseHeader", 1);

const packages = fromJSON(
  {
    nested: {
      etcdserverpb: {
        nested: {
          KV: {
            methods: {
              Range: method("RangeRequest", "RangeResponse"),
              Txn: method("TxnRequest", "TxnResponse"),
              Compact: method("CompactionRequest", "HeaderOnly"),
            },
          },
          Watch: {
            methods: {
              Watch: {
                ...method("WatchRequest", "WatchResponse"),
                requestStream: true,
                responseStream: true,
              },
            },
          },
          Lease: {
            methods: {
              LeaseGrant: method("LeaseGrantRequest", "LeaseResponse"),
              LeaseRevoke: method("LeaseRequest", "HeaderOnly"),
              LeaseKeepAlive: {
                ...method("LeaseRequest", "LeaseResponse"),
                requestStream: true,
                responseStream: true,
              },
            },
          },
          Auth: { methods: { Authenticate: method("AuthenticateRequest", "AuthenticateResponse") } },
          AuthenticateRequest: message({ name: field("string", 1), password: field("string", 2) }),
          AuthenticateResponse: message({ header, token: field("string", 2) }),
          ResponseHeader: message({ revision: field("int64", 3) }),
          HeaderOnly: message({ header }),
          KeyValue: message({
            key: field("bytes", 1),
            create_revision: field("int64", 2),
            mod_revision: field("int64", 3),
            value: field("bytes", 5),
            lease: field("int64", 6),
          }),
          Event: message({ type: field("int32", 1), kv: field("KeyValue", 2) }),
          RangeRequest: message({
            key: field("bytes", 1),
            range_end: field("bytes", 2),
            limit: field("int64", 3),
            revision: field("int64", 4),
            count_only: field("bool", 9),
          }),
          RangeResponse: message({
            header,
            kvs: list("KeyValue", 2),
            more: field("bool", 3),
            count: field("int64", 4),
          }),
          PutRequest: message({
            key: field("bytes", 1),
            value: field("bytes", 2),
            lease: field("int64", 3),
            prev_kv: field("bool", 4),
          }),
          PutResponse: message({ prev_kv: field("KeyValue", 2) }),
          DeleteRangeRequest: message({ key: field("bytes", 1), prev_kv: field("bool", 3) }),
          DeleteRangeResponse: message({ prev_kvs: list("KeyValue", 3) }),
          RequestOp: message(
            {
              request_range: field("RangeRequest", 1),
              request_put: field("PutRequest", 2),
              request_delete_range: field("DeleteRangeRequest", 3),
            },
            "request_range",
            "request_put",
            "request_delete_range",
          ),
          ResponseOp: message(
            {
              response_range: field("RangeResponse", 1),
              response_put: field("PutResponse", 2),
              response_delete_range: field("DeleteRangeResponse", 3),
            },
            "response_range",
            "response_put",
            "response_delete_range",
          ),
          // `result` 0 is equal, 1 greater; `target` 0 is the version (0: no such key), 2 the last write's revision.
          Compare: message(
            {
              result: field("int32", 1),
              target: field("int32", 2),
              key: field("bytes", 3),
              version: field("int64", 4),
              mod_revision: field("int64", 6),
            },
            "version",
            "mod_revision",
          ),
          TxnRequest: message({
            compare: list("Compare", 1),
            success: list("RequestOp", 2),
            failure: list("RequestOp", 3),
          }),
          TxnResponse: message({ header, succeeded: field("bool", 2), responses: list("ResponseOp", 3) }),
          CompactionRequest: message({ revision: field("int64", 1) }),
          WatchCreateRequest: message({
            key: field("bytes", 1),
            range_end: field("bytes", 2),
            start_revision: field("int64", 3),
          }),
          WatchRequest: message({ create_request: field("WatchCreateRequest", 1) }, "create_request"),
          WatchResponse: message({
            header,
            canceled: field("bool", 4),
            compact_revision: field("int64", 5),
            cancel_reason: field("string", 6),
            events: list("Event", 11),
          }),
          LeaseGrantRequest: message({ TTL: field("int64", 1) }),
          LeaseRequest: message({ ID: field("int64", 1) }),
          LeaseResponse: message({ header, ID: field("int64", 2), TTL: field("int64", 3) }),
        },
      },
    },
  },
  // 64-bit numbers as digits: ids of leases do not fit into a number.
  { keepCase: true, longs: String, defaults: true, arrays: true },
);

interface Header {
  readonly header: { readonly revision: string };
}

export interface KeyValue {
  readonly key: Buffer;
  readonly create_revision: string;
  readonly mod_revision: string;
  readonly value: Buffer;
  readonly lease: string;
}

export interface RangeRequest {
  readonly key: Buffer;
  readonly range_end?: Buffer;
  readonly limit?: number;
  readonly revision?: number;
  readonly count_only?: boolean;
}

export interface RangeResponse extends Header {
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  /** How many keys the range has, whatever the limit. */
  readonly count: string;
}

export interface Compare {
  readonly result: number;
  readonly target: number;
  readonly key: Buffer;
  readonly version?: number;
  readonly mod_revision?: number;
}

export interface RequestOp {
  readonly request_range?: RangeRequest;
  readonly request_put?: { key: Buffer; value: Uint8Array; lease: string; prev_kv: true };
  readonly request_delete_range?: { key: Buffer; prev_kv: true };
}

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export interface TxnResponse extends Header {
  readonly succeeded: boolean;
  readonly responses: readonly {
    readonly response_range?: { readonly kvs: readonly KeyValue[] };
    readonly response_put?: { readonly prev_kv: KeyValue | null };
    readonly response_delete_range?: { readonly prev_kvs: readonly KeyValue[] };
  }[];
}

export interface WatchRequest {
  readonly create_request: { key: Buffer; range_end: Buffer; start_revision: number };
}

export interface WatchResponse extends Header {
  readonly canceled: boolean;
  /** Not "0": what was asked for has been compacted up to here. */
  readonly compact_revision: string;
  readonly cancel_reason: string;
  /** `type` 0 is a put, 1 a delete. */
  readonly events: readonly { readonly type: number; readonly kv: KeyValue }[];
}

export interface LeaseResponse extends Header {
  readonly ID: string;
  /** "0": there is no such lease any more. */
  readonly TTL: string;
}

/** A method with the types of what it takes and gives. */
export interface Rpc<Request, Response> {
  readonly path: string;
  readonly serialize: (request: Request) => Buffer;
  readonly deserialize: (bytes: Buffer) => Response;
}

/** The one place where the types above are said to be those of the descriptors. */
function rpc<Request, Response>(service: string, name: string): Rpc<Request, Response> {
  const methods = packages[`etcdserverpb.${service}`] as Record<string, MethodDefinition<object, object>>;
  const { path, requestSerialize, responseDeserialize } = methods[name]!;
  return {
    path,
    serialize: (request) => requestSerialize(request as object),
    deserialize: (bytes) => responseDeserialize(bytes) as Response,
  };
}

export const rangeRpc = rpc<RangeRequest, RangeResponse>("KV", "Range");
export const txnRpc = rpc<TxnRequest, TxnResponse>("KV", "Txn");
export const compactRpc = rpc<{ revision: number }, Header>("KV", "Compact");
export const watchRpc = rpc<WatchRequest, WatchResponse>("Watch", "Watch");
export const leaseGrantRpc = rpc<{ TTL: number }, LeaseResponse>("Lease", "LeaseGrant");
export const leaseRevokeRpc = rpc<{ ID: string }, Header>("Lease", "LeaseRevoke");
export const leaseKeepAliveRpc = rpc<{ ID: string }, LeaseResponse>("Lease", "LeaseKeepAlive");
export const authenticateRpc = rpc<
  { readonly name: string; readonly password: string },
  Header & { readonly token: string }
>("Auth", "Authenticate");
