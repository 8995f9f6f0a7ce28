import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

/**
 * A program in a network namespace of its own. Lines of its input say where to serve, each answer saying where it was given
 * and to whom, and whom to dial. It ends with its input.
 */
export interface Serve {
  readonly id: number;
  readonly serve: string;
  /** `80`, `53/udp` */
  readonly ports: readonly string[];
}

export interface Dial {
  readonly id: number;
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly timeoutMs: number;
}

export interface Answered {
  readonly id: number;
  /** `10.180.0.1:80 10.0.0.2`: who answered, and whom it saw; or `reject`, or `timeout`. */
  readonly answer: string;
}

function serve(address: string, port: number, protocol: string): Promise<void> {
  return new Promise((resolve) => {
    if (protocol === "udp") {
      const socket = createSocket("udp4");
      socket.on("message", (_, { address: peer, port: back }) => {
        socket.send(`${address}:${port} ${peer}`, back, peer);
      });
      socket.bind(port, address, resolve);
    } else {
      const server = createServer((socket) => {
        socket.on("error", () => socket.destroy());
        socket.end(`${address}:${port} ${socket.remoteAddress}`);
      });
      server.listen(port, address, 512, resolve);
    }
  });
}

function dialTcp({ source, destination, port, timeoutMs }: Dial): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: destination, port, localAddress: source });
    let text = "";
    const end = (answer: string) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => end("timeout"));
    socket.on("data", (data) => {
      text += data;
    });
    socket.on("end", () => end(text));
    socket.on("error", (error: NodeJS.ErrnoException) =>
      end(error.code === "ECONNREFUSED" ? "reject" : `${error.code}`),
    );
  });
}

function dialUdp({ source, destination, port, timeoutMs }: Dial): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const end = (answer: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end("timeout"), timeoutMs);
    socket.on("message", (data) => end(data.toString()));
    socket.on("error", (error: NodeJS.ErrnoException) =>
      end(error.code === "ECONNREFUSED" ? "reject" : `${error.code}`),
    );
    // A connected socket hears of ICMP messages.
    socket.bind(0, source, () => socket.connect(port, destination, () => socket.send("?")));
  });
}

async function answerTo(line: Serve | Dial): Promise<string> {
  if ("serve" in line) {
    const listening = line.ports.map((text) => {
      const [port, protocol = "tcp"] = text.split("/");
      return serve(line.serve, Number(port), protocol);
    });
    await Promise.all(listening);
    return "ready";
  }
  return line.protocol === "UDP" ? dialUdp(line) : dialTcp(line);
}

for await (const text of createInterface({ input: process.stdin })) {
  const line = JSON.parse(text) as Serve | Dial;
  void answerTo(line).then((answer) => {
    process.stdout.write(`${JSON.stringify({ id: line.id, answer } satisfies Answered)}\n`);
  });
}
process.exit(0);
