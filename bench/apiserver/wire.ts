import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTls, type TLSSocket } from "node:tls";

/** Where a server listens and who asks. */
export interface Access {
  readonly url: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly type?: string;
  readonly body?: string;
}

export type Protocol = "h1" | "h2";

/** A connection that costs its client as little as can be, so that the server is what is measured. */
export interface Connection {
  /** Resolves with the status when the whole answer has been read. */
  ask(asked: Asked): Promise<number>;
  /** Reads a stream that does not end. */
  follow(path: string, onData: (chunk: Buffer) => void): void;
  /** Asks for a stream and never reads it. */
  stall(path: string): void;
  close(): void;
}

export async function connect(protocol: Protocol, access: Access): Promise<Connection> {
  return protocol === "h1" ? await Http1.open(access) : await Http2.open(access);
}

const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** One request at a time over a raw TLS socket. */
class Http1 implements Connection {
  readonly #socket: TLSSocket;
  #chunks: Buffer[] = [];
  #size = 0;
  /** Of the answer that is being read: its status, and its whole length when it says it; 0 for one in chunks. */
  #status = 0;
  #length = 0;
  #answer: ((status: number) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  static open({ url, ca, cert, key }: Access): Promise<Http1> {
    const { port, hostname } = new URL(url);
    return new Promise((resolve, reject) => {
      const options = { port: Number(port), host: hostname, ca, cert, key, ALPNProtocols: ["http/1.1"] };
      const socket = connectTls(options, () => resolve(new Http1(socket)));
      socket.once("error", reject);
    });
  }

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#take(chunk));
    socket.on("error", (error) => this.#fail?.(error));
    socket.on("close", () => this.#fail?.(new Error("the server closed the connection")));
  }

  ask({ method, path, type, body = "" }: Asked): Promise<number> {
    const about =
      type === undefined ? "" : `Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
    this.#socket.write(
      `${method} ${path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n${about}\r\n${body}`,
    );
    return new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#fail = reject;
    });
  }

  follow(path: string, onData: (chunk: Buffer) => void): void {
    this.#socket.removeAllListeners("data");
    this.#socket.on("data", onData);
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n`);
  }

  stall(path: string): void {
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n`);
    this.#socket.pause();
  }

  close(): void {
    this.#fail = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#status === 0) {
      this.#chunks.push(chunk);
      const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
      const headEnd = bytes.indexOf(HEAD_END);
      if (headEnd < 0) return;
      this.#chunks = [];
      const head = bytes.toString("latin1", 0, headEnd);
      this.#status = Number(head.slice(9, 12));
      const length = /content-length: (\d+)/i.exec(head)?.[1];
      this.#length = length === undefined ? 0 : headEnd + HEAD_END.length + Number(length);
    }
    const isWhole = this.#length > 0 ? this.#size >= this.#length : this.#endsWithLastChunk(chunk);
    if (!isWhole) return;
    const status = this.#status;
    this.#size = 0;
    this.#status = 0;
    this.#tail = EMPTY;
    this.#answer?.(status);
  }

  #tail: Buffer = EMPTY;
  #endsWithLastChunk(chunk: Buffer): boolean {
    const bytes = chunk.length >= LAST_CHUNK.length ? chunk : Buffer.concat([this.#tail, chunk]);
    this.#tail = bytes.subarray(-LAST_CHUNK.length);
    return this.#tail.equals(LAST_CHUNK);
  }
}

const EMPTY = Buffer.alloc(0);
const WINDOW_BYTES = 4 * 1024 * 1024;

/** As many requests at a time as are asked, as Go clients do. */
class Http2 implements Connection {
  readonly #session: ClientHttp2Session;

  static open({ url, ca, cert, key }: Access): Promise<Http2> {
    return new Promise((resolve, reject) => {
      const session = connectHttp2(url, { ca, cert, key, settings: { initialWindowSize: WINDOW_BYTES } });
      session.once("error", reject);
      session.once("connect", () => {
        session.setLocalWindowSize(16 * WINDOW_BYTES);
        resolve(new Http2(session));
      });
    });
  }

  constructor(session: ClientHttp2Session) {
    this.#session = session;
    session.setMaxListeners(0);
  }

  ask({ method, path, type, body }: Asked): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = { ":method": method, ":path": path, accept: "application/json" };
      const stream = this.#session.request(
        type === undefined ? headers : { ...headers, "content-type": type },
        { endStream: body === undefined },
      );
      let status = 0;
      stream.on("response", (answer) => {
        status = answer[":status"] ?? 0;
      });
      stream.on("data", () => {});
      stream.on("end", () => resolve(status));
      stream.on("error", reject);
      if (body !== undefined) stream.end(body);
    });
  }

  follow(path: string, onData: (chunk: Buffer) => void): void {
    const stream = this.#session.request({ ":path": path, accept: "application/json" });
    stream.on("data", onData);
    stream.on("error", () => {});
  }

  stall(path: string): void {
    this.#session.request({ ":path": path, accept: "application/json" }).on("error", () => {});
  }

  close(): void {
    this.#session.destroy();
  }
}
