import type { ServerResponse } from "node:http";
import type { V1Pod } from "../../api/generated/types.ts";
import type { Api, Target } from "../api.ts";
import { select } from "../selection.ts";
import type { View } from "../storage/view.ts";
import { type LogOptions, mayLogMore, podLog } from "../subresources/log.ts";
import type { WatchConnection } from "./watch-stream.ts";
import { whenClosed } from "./when-closed.ts";

/** What a container has said, and then nothing more until it ends, its pod goes, or the client does. */
export function followLog(
  api: Api,
  { kind, namespace, name }: Target,
  { object, revision }: View,
  options: LogOptions,
  connection: WatchConnection,
): void {
  const text = podLog(object as V1Pod, options);
  const { raw, headers } = connection.takeOver();
  const response = raw as ServerResponse;
  response.writeHead(200, { ...headers, "Content-Type": "text/plain; charset=utf-8" });
  if ("flushHeaders" in raw) raw.flushHeaders();
  if (text !== "") response.write(text);
  if (!mayLogMore(object as V1Pod, options)) {
    response.end();
    return;
  }
  const selection = select(kind, namespace, { fieldSelector: `metadata.name=${name}` });
  const following = api.objects.feeds.follow(selection, revision, {
    onBatches: (batches) => {
      const last = batches.at(-1)?.deliveries.at(-1);
      if (last === undefined) return;
      if (last.type !== "DELETED" && mayLogMore(last.view.object as V1Pod, options)) return;
      stop();
      response.end();
    },
    onEnd: () => response.end(),
  });
  const stop = () => following.cancel();
  whenClosed(raw, stop);
  response.on("error", stop);
}
