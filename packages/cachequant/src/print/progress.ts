import { Presets, SingleBar } from 'cli-progress';
import { type OutputStream, writeLines } from '../io.js';
import { formatSeconds } from './format.js';

/** Shows how far a long command is. */
export interface Progress {
  /** A line that stays. */
  note(text: string): void;
  /** `done` of `total` parts of a task; another task, or the same one from its start, ends the one before. */
  update(task: string, done: number, total: number, shown?: ShownProgress): void;
  /** To be called before anything else is printed, and at the end. */
  stop(): void;
}

/** How a task's parts are shown, where they are not simply counted. */
export interface ShownProgress {
  readonly format?: (parts: number) => string;
  /** Where the task knows it better than its pace so far. */
  readonly remainingSeconds?: number | undefined;
}

/** At most one line in this time where lines cannot be overwritten. */
const LINE_INTERVAL_MS = 5000;

/** A bar with the remaining time on a terminal, else a line now and then. */
export function createProgress(stream: OutputStream, now: () => number = () => performance.now()): Progress {
  return stream.isTTY ? terminalProgress(stream, now) : lineProgress(stream, now);
}

/** Seconds that the rest of a task takes at the pace so far; undefined before there is one. */
export function remainingSeconds(elapsedMs: number, done: number, total: number): number | undefined {
  return done > 0 ? ((elapsedMs / done) * (total - done)) / 1000 : undefined;
}

function terminalProgress(stream: OutputStream, now: () => number): Progress {
  let bar: SingleBar | undefined;
  let current: string | undefined;
  let noted: string | undefined;
  let startMs = 0;
  let before = 0;
  const stop = () => {
    bar?.stop();
    bar = undefined;
    current = undefined;
  };
  return {
    note(text) {
      stop();
      noted = text;
      writeLines(stream, [text]);
    },
    update(task, done, total, shown) {
      const { format = String, left: known } = shownBy(shown);
      const left = {
        left: describeLeft(known ?? remainingSeconds(now() - startMs, done, total)),
        share: `${format(done)}/${format(total)}`,
      };
      const goesOn = task === current && done >= before;
      before = done;
      if (goesOn) {
        bar?.update(done, left);
        return;
      }
      stop();
      current = task;
      startMs = now();
      // The line above says it already.
      const name = task === noted ? '' : `${task.padEnd(24)} `;
      bar = new SingleBar(
        {
          // It writes, and looks for a terminal's methods before it calls them.
          stream: stream as NodeJS.WritableStream,
          format: `  ${name}[{bar}] {share}{left}`,
          barsize: 24,
          hideCursor: null,
          clearOnComplete: true,
          // Signals are dealt with in one place.
          gracefulExit: false,
        },
        Presets.legacy,
      );
      bar.start(total, done, { ...left, left: '' });
    },
    stop,
  };
}

function lineProgress(stream: OutputStream, now: () => number): Progress {
  let current: string | undefined;
  let startMs = 0;
  let shownMs = 0;
  let before = 0;
  return {
    note(text) {
      writeLines(stream, [text]);
    },
    update(task, done, total, shown) {
      const goesOn = task === current && done >= before;
      before = done;
      if (!goesOn) {
        current = task;
        startMs = now();
        shownMs = startMs;
        return;
      }
      if (now() - shownMs < LINE_INTERVAL_MS || done >= total) return;
      shownMs = now();
      const { format = String, left } = shownBy(shown);
      const seconds = left ?? remainingSeconds(now() - startMs, done, total);
      stream.write(`  ${task}: ${format(done)}/${format(total)}${describeLeft(seconds)}\n`);
    },
    stop() {
      current = undefined;
    },
  };
}

function shownBy(shown: ShownProgress | undefined) {
  return { format: shown?.format, left: shown?.remainingSeconds };
}

function describeLeft(seconds: number | undefined): string {
  return seconds === undefined ? '' : `, about ${formatSeconds(Math.max(1, Math.round(seconds)))} left`;
}
