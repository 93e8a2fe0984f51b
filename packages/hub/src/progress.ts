/** How far a download is. */
export interface HubProgress {
  /** The file that is being fetched. */
  readonly file: string;
  /** Bytes of all files that are there, those of earlier runs included. */
  readonly receivedBytes: number;
  readonly totalBytes: number;
  /** Of this run, over the last seconds; undefined until there is something to go by. */
  readonly bytesPerSecond: number | undefined;
  readonly remainingSeconds: number | undefined;
}

/** The speed is that of so many milliseconds. */
const WINDOW_MS = 10_000;
const SHORTEST_MS = 500;

/** Counts bytes and tells how long the rest takes. */
export class ProgressMeter {
  readonly #total: number;
  readonly #report: ((progress: HubProgress) => void) | undefined;
  readonly #now: () => number;
  #received = 0;
  /** Received bytes at times, oldest first. */
  #marks: { readonly time: number; readonly received: number }[] = [];

  constructor(
    totalBytes: number,
    report: ((progress: HubProgress) => void) | undefined,
    now: () => number = () => performance.now(),
  ) {
    this.#total = totalBytes;
    this.#report = report;
    this.#now = now;
  }

  /** Bytes that were there before, which say nothing of the speed; negative when they have to be fetched again. */
  skip(file: string, bytes: number): void {
    this.#received += bytes;
    this.#marks = this.#marks.map(({ time, received }) => ({ time, received: received + bytes }));
    this.#tell(file);
  }

  add(file: string, bytes: number): void {
    const time = this.#now();
    if (this.#marks.length === 0) this.#marks.push({ time, received: this.#received });
    this.#received += bytes;
    if (time - this.#marks.at(-1)!.time >= SHORTEST_MS) this.#marks.push({ time, received: this.#received });
    while (this.#marks.length > 2 && time - this.#marks[1]!.time > WINDOW_MS) this.#marks.shift();
    this.#tell(file);
  }

  #tell(file: string): void {
    const oldest = this.#marks[0];
    const elapsed = oldest === undefined ? 0 : this.#now() - oldest.time;
    const bytesPerSecond =
      oldest === undefined || elapsed < SHORTEST_MS
        ? undefined
        : ((this.#received - oldest.received) / elapsed) * 1000;
    this.#report?.({
      file,
      receivedBytes: this.#received,
      totalBytes: this.#total,
      bytesPerSecond,
      remainingSeconds: bytesPerSecond ? (this.#total - this.#received) / bytesPerSecond : undefined,
    });
  }
}
