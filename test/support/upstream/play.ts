import type { Socket } from "node:net";
import type { ReceivedRequest } from "./received.ts";
import type { Script, Step } from "./script.ts";

/** A socket as the player sees it: bytes go out at the peer's pace, waits end when the peer leaves. */
export interface Stage {
  readonly socket: Socket;
  /** Settles when the connection is over. */
  readonly gone: Promise<void>;
  isGone(): boolean;
  /** Ends the connection from this side. */
  hangUp(how: "close" | "reset"): void;
}

/** A reset overtakes what the peer has not read yet, so it comes this much later, in milliseconds. */
const BEFORE_RESET_MS = 20;

/** Plays a script. False when the connection ended before the script did. */
export async function play(script: Script, stage: Stage, request: ReceivedRequest): Promise<boolean> {
  for (const [index, step] of script.entries()) {
    if (index > 0) await breathe();
    if (stage.isGone()) return false;
    await playStep(step, stage, request);
    if (step.do === "close" || step.do === "reset") return request.answered;
  }
  return !stage.isGone();
}

async function playStep(step: Step, stage: Stage, request: ReceivedRequest): Promise<void> {
  switch (step.do) {
    case "write":
      return await write(step.bytes, stage, request);
    case "fill":
      return await fill(step, stage, request);
    case "wait":
      return await pause(step.ms, stage);
    case "until":
      await Promise.race([step.open, stage.gone]);
      return;
    case "silence":
      return await stage.gone;
    case "stop-reading":
      stage.socket.pause();
      return;
    case "reset":
      if (request.bytesTaken > 0) await pause(BEFORE_RESET_MS, stage);
      if (stage.isGone()) return;
      request.answered = true;
      stage.hangUp("reset");
      return;
    case "close":
      request.answered = true;
      stage.hangUp("close");
      return;
  }
}

async function fill(step: Extract<Step, { do: "fill" }>, stage: Stage, request: ReceivedRequest): Promise<void> {
  for (let left = step.total; left > 0 && !stage.isGone(); left -= step.unit.length) {
    if (step.everyMs > 0) await pause(step.everyMs, stage);
    await breathe();
    await write(left >= step.unit.length ? step.unit : step.unit.subarray(0, left), stage, request);
  }
}

async function write(bytes: Uint8Array, stage: Stage, request: ReceivedRequest): Promise<void> {
  if (stage.isGone() || bytes.length === 0) return;
  const taken = new Promise<void>((resolve) => {
    stage.socket.write(bytes, (failure) => {
      if (!failure) request.bytesTaken += bytes.length;
      resolve();
    });
  });
  await Promise.race([taken, stage.gone]);
}

/** Lets the peer read what is there before more is added, so that pieces stay pieces. Never after the last piece: the answer is over then, whatever the peer does next. */
async function breathe(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}

async function pause(ms: number, stage: Stage): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([over, stage.gone]);
  clearTimeout(timer);
}
