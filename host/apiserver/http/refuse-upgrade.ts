import type { ClientRequest } from "node:http";

/**
 * For a request that asks for no other protocol. Node ends the connection of an answer 101 that nobody listens for and
 * says nothing more: whoever waits for an answer or an error would wait for ever.
 */
export function refuseUpgrade(request: ClientRequest, refuse: (error: Error) => void): void {
  request.on("upgrade", ({ headers }, socket) => {
    socket.destroy();
    const protocol = JSON.stringify(headers.upgrade ?? "");
    refuse(new Error(`backend tried to switch protocol ${protocol} when "" was requested`));
  });
}
