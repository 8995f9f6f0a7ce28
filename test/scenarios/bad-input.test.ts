import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type PintleProcess, pintleUp, removeFolder, temporaryFolder } from "./pintle-process.ts";

/** Each row of the issue's "Bad input": what is sent, and Kubernetes' own code, reason and words. */
interface Answer {
  code: number;
  body: { message?: string; reason?: string; details?: { causes?: { field?: string }[] } };
}

describe("bad input over the wire", () => {
  const folder = temporaryFolder();
  let cluster: PintleProcess;
  let tls: { ca: Buffer; cert: Buffer; key: Buffer };
  let server: URL;

  const send = (
    method: string,
    path: string,
    body: string | undefined,
    headers: Record<string, string> = {},
    credentials = true,
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const outgoing = request(
        new URL(path, server),
        {
          method,
          headers: { "content-type": "application/json", ...length, ...headers },
          ...(credentials ? tls : { ca: tls.ca }),
          agent: false,
        },
        (response) => {
          let text = "";
          response.on("data", (chunk: Buffer) => {
            text += chunk;
          });
          response.on("end", () =>
            resolve({ code: response.statusCode ?? 0, body: JSON.parse(text) as Answer["body"] }),
          );
        },
      );
      // A server that refuses a large body may close while we still send; its answer counts.
      outgoing.on("error", (error: NodeJS.ErrnoException) => {
        if (error.code !== "EPIPE" && error.code !== "ECONNRESET") reject(error);
      });
      outgoing.end(body);
    });

  beforeAll(async () => {
    cluster = await pintleUp(join(folder, "data"));
    const config = parse(readFileSync(cluster.kubeconfig, "utf8")) as {
      clusters: { cluster: { server: string; "certificate-authority-data": string } }[];
      users: { user: { "client-certificate-data": string; "client-key-data": string } }[];
    };
    const { cluster: where } = config.clusters[0]!;
    const { user } = config.users[0]!;
    server = new URL(where.server);
    tls = {
      ca: Buffer.from(where["certificate-authority-data"], "base64"),
      cert: Buffer.from(user["client-certificate-data"], "base64"),
      key: Buffer.from(user["client-key-data"], "base64"),
    };
  });

  afterAll(async () => {
    await cluster?.stop();
    removeFolder(folder);
  });

  const CONFIG_MAPS = "/api/v1/namespaces/default/configmaps";
  const PODS = "/api/v1/namespaces/default/pods";
  const DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments";
  const deployment = (replicas: number, selected: string) =>
    JSON.stringify({
      metadata: { name: "bad" },
      spec: {
        replicas,
        selector: { matchLabels: { app: selected } },
        template: {
          metadata: { labels: { app: "web" } },
          spec: { containers: [{ name: "c", image: "nginx" }] },
        },
      },
    });

  test.each([
    {
      name: "malformed JSON",
      path: CONFIG_MAPS,
      body: "{bad",
      code: 400,
      says: "couldn't get version/kind; json parse error: invalid character 'b' looking for beginning of object key string",
    },
    { name: "no body", path: CONFIG_MAPS, body: "", code: 400, says: "unexpected end of JSON input" },
    {
      name: "malformed YAML",
      path: CONFIG_MAPS,
      body: "a: [1",
      type: "application/yaml",
      code: 400,
      says: "yaml",
    },
    {
      name: "an unknown field, strictly",
      path: `${CONFIG_MAPS}?fieldValidation=Strict`,
      body: '{"metadata":{"name":"x"},"foo":1}',
      code: 400,
      says: 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "foo"',
    },
    {
      name: "a duplicate field, strictly",
      path: `${CONFIG_MAPS}?fieldValidation=Strict`,
      body: '{"metadata":{"name":"x"},"data":{"a":"1","a":"2"}}',
      code: 400,
      says: 'strict decoding error: duplicate field "data.a"',
    },
    {
      name: "a wrong type",
      path: CONFIG_MAPS,
      body: '{"metadata":{"name":"x"},"data":{"a":1}}',
      code: 400,
      says: "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
    },
    {
      name: "a name against DNS rules",
      path: CONFIG_MAPS,
      body: '{"metadata":{"name":"Not_A_Name"}}',
      code: 422,
      says: 'ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name": a lowercase RFC 1123 subdomain must consist of',
    },
    {
      name: "negative replicas",
      path: DEPLOYMENTS,
      body: deployment(-1, "web"),
      code: 422,
      says: "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
    },
    {
      name: "a selector that does not match the template",
      path: DEPLOYMENTS,
      body: deployment(1, "other"),
      code: 422,
      says: 'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    },
    {
      name: "a pod without containers",
      path: PODS,
      body: '{"metadata":{"name":"p"},"spec":{}}',
      code: 422,
      says: "spec.containers: Required value",
    },
    {
      name: "an unknown kind",
      path: "/api/v1/namespaces/default/widgets",
      body: "{}",
      code: 404,
      says: "the server could not find the requested resource",
    },
    {
      name: "a body of 4 MiB",
      path: CONFIG_MAPS,
      body: JSON.stringify({ metadata: { name: "big" }, data: { a: "x".repeat(4 << 20) } }),
      code: 413,
      says: "Request entity too large: limit is 3145728",
    },
    {
      name: "a namespace that is not there",
      path: "/api/v1/namespaces/nowhere/configmaps",
      body: '{"metadata":{"name":"x"}}',
      code: 404,
      says: 'namespaces "nowhere" not found',
    },
    {
      name: "a body for another namespace",
      path: CONFIG_MAPS,
      body: '{"metadata":{"name":"x","namespace":"other"}}',
      code: 400,
      says: "the namespace of the provided object does not match the namespace sent on the request",
    },
    {
      name: "a media type nobody knows",
      path: CONFIG_MAPS,
      body: "<a/>",
      type: "application/xml",
      code: 415,
      says: "the body of the request was in an unknown format",
    },
  ])("$name: $code", async ({ path, body, type, code, says }) => {
    const answer = await send("POST", path, body, type === undefined ? {} : { "content-type": type });
    expect({ code: answer.code, message: answer.body.message }).toEqual({
      code,
      message: expect.stringContaining(says) as string,
    });
  });

  test("a stale resourceVersion is a conflict, and the object stays as it was", async () => {
    const created = (await send("POST", CONFIG_MAPS, '{"metadata":{"name":"raced"},"data":{"a":"1"}}'))
      .body as {
      metadata: { resourceVersion: string };
    };
    const body = (value: string) =>
      JSON.stringify({
        metadata: { name: "raced", resourceVersion: created.metadata.resourceVersion },
        data: { a: value },
      });
    expect((await send("PUT", `${CONFIG_MAPS}/raced`, body("2"))).code).toBe(200);
    const stale = await send("PUT", `${CONFIG_MAPS}/raced`, body("3"));
    expect(stale.code).toBe(409);
    expect(stale.body.message).toBe(
      'Operation cannot be fulfilled on configmaps "raced": the object has been modified; please apply your changes to the latest version and try again',
    );
    expect((await send("GET", `${CONFIG_MAPS}/raced`, undefined)).body).toMatchObject({ data: { a: "2" } });
  });

  test("no credentials and wrong credentials are 401, health is open", async () => {
    const attempts: Record<string, string>[] = [{}, { authorization: "Bearer wrong" }];
    for (const headers of attempts) {
      const refused = await send("GET", PODS, undefined, headers, false);
      expect({ code: refused.code, reason: refused.body.reason, message: refused.body.message }).toEqual({
        code: 401,
        reason: "Unauthorized",
        message: "Unauthorized",
      });
    }
    expect((await send("GET", "/version", undefined, {}, false)).body).toMatchObject({
      major: "1",
      minor: "36",
    });
  });
});
