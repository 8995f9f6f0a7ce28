import type { Draw } from "../reference/generator/draw.ts";

const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const CLOSE_CODES = [0, 999, 1000, 1001, 1004, 1005, 1006, 1011, 1015, 2999, 4999, 65_535];
const MOST_BYTES = 2_000;

/** Frames of WebSocket as a stream's channels use them, nearly all of them wrong in some way. Source: RFC 6455, 5.2. */
export function hostileFrames(draw: Draw): Buffer {
  return Buffer.concat([frame(draw), ...draw.many(6, () => frame(draw))]);
}

function frame(draw: Draw): Buffer {
  const kind = draw.below(6);
  switch (kind) {
    case 0:
      // A channel that nobody has opened: stdin is 0, the rest are the server's, or nobody's.
      return written(draw, {
        opcode: OPCODES.binary,
        payload: Buffer.from([draw.below(256), ...bytes(draw)]),
      });
    case 1: {
      const code = draw.pick(CLOSE_CODES);
      return written(draw, {
        opcode: OPCODES.close,
        payload: Buffer.from([code >> 8, code & 255, ...bytes(draw)]),
      });
    }
    case 2:
      // A fragment of nothing, or a control frame in fragments.
      return written(draw, { opcode: draw.pick([0, 1, 2, 8, 9]), isFinal: false, payload: bytes(draw) });
    case 3:
      // So much is promised, and something else sent.
      return written(draw, {
        opcode: OPCODES.binary,
        payload: bytes(draw),
        length: draw.pick([0n, 125n, 65_536n, 2n ** 31n, 2n ** 63n - 1n, 2n ** 64n - 1n]),
      });
    case 4:
      return written(draw, { opcode: draw.below(16), reserved: draw.below(8), payload: bytes(draw) });
    default:
      return bytes(draw);
  }
}

function bytes(draw: Draw): Buffer {
  return Buffer.from(
    Array.from({ length: draw.below(draw.pick([4, 130, MOST_BYTES])) }, () => draw.below(256)),
  );
}

interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
  readonly isFinal?: boolean;
  readonly reserved?: number;
  /** What the head says, when it is not what follows. */
  readonly length?: bigint;
}

function written(draw: Draw, { opcode, payload, isFinal = true, reserved = 0, length }: Frame): Buffer {
  const said = length ?? BigInt(payload.length);
  // A client's frames must be masked, and the mask may be missing, cut short or applied to nothing.
  const isMasked = draw.chance(70);
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode;
  const head = Buffer.alloc(10);
  head[0] = first;
  head.writeBigUInt64BE(said, 2);
  const short = said < 126n;
  head[1] = (isMasked ? 0x80 : 0) | (short ? Number(said) : 127);
  const mask = isMasked
    ? Buffer.from(Array.from({ length: draw.pick([4, 4, 3, 0]) }, () => draw.below(256)))
    : [];
  return Buffer.concat([head.subarray(0, short ? 2 : 10), Buffer.from(mask), payload]);
}
