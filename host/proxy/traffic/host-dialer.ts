import { createSocket } from "node:dgram";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../../apimachinery/clock.ts";
import { type DatagramChannel, DialError, type Dialer } from "../../apimachinery/dialer.ts";
import type { Logger } from "../../apimachinery/log.ts";

/** Longer than a packet to another continent takes that is lost once and sent again. */
const CONNECT_TIMEOUT_MS = 3_000;
/** A peer whose machine is gone says nothing: it is asked whether it is there. */
const KEEP_ALIVE_MS = 60_000;

/** Connections through the network of this machine. */
export function hostDialer(clock: Clock, log: Logger): Dialer {
  return {
    connect: (host, port) =>
      new Promise<Duplex>((resolve, reject) => {
        const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
        const timer = clock.setTimeout(
          () => socket.destroy(new DialError("ETIMEDOUT", host, port)),
          CONNECT_TIMEOUT_MS,
        );
        const onError = (error: Error) => {
          timer.cancel();
          reject(error);
        };
        socket.once("error", onError);
        socket.once("connect", () => {
          timer.cancel();
          socket.off("error", onError);
          socket.setKeepAlive(true, KEEP_ALIVE_MS);
          resolve(socket);
        });
      }),
    openDatagrams: (address, port, onReply): DatagramChannel => {
      const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
      // Whoever else sends here is not whom we talk to.
      socket.on("message", (data, from) => {
        if (from.port === port && from.address === address) onReply(data);
      });
      socket.on("error", (error) => log.debug("datagrams", { address, port, error: String(error) }));
      // One that nothing else keeps alive does not keep the process.
      socket.unref();
      return {
        send: (data) => socket.send(data, port, address),
        close: () => socket.close(),
      };
    },
  };
}
