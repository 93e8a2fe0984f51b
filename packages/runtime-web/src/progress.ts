/**
 * What happens while a model comes in, in the shape that transformers.js uses, so that its users' displays work.
 * `name` is the model's address, `file` a path in it, `loaded` and `total` are bytes, `progress` goes from 0 to 100.
 *
 * Source: https://huggingface.co/docs/transformers.js (callbacks of `pipeline`)
 */
export type ProgressInfo =
  | { readonly status: 'initiate' | 'download' | 'done'; readonly name: string; readonly file: string }
  | (LoadedBytes & { readonly status: 'progress'; readonly name: string; readonly file: string })
  | (LoadedBytes & {
      readonly status: 'progress_total';
      readonly name: string;
      readonly files: Readonly<Record<string, { readonly loaded: number; readonly total: number }>>;
    })
  | { readonly status: 'ready'; readonly task: string; readonly model: string };

interface LoadedBytes {
  readonly progress: number;
  readonly loaded: number;
  readonly total: number;
}

/** Called for each {@link ProgressInfo}. */
export type ProgressCallback = (info: ProgressInfo) => void;

/** Reports on the files of one model. A file whose size nobody says counts as what has come of it. */
export class ProgressReporter {
  readonly #name: string;
  readonly #report: ProgressCallback;
  readonly #files = new Map<string, { loaded: number; total: number }>();

  constructor(name: string, report: ProgressCallback = () => undefined) {
    this.#name = name;
    this.#report = report;
  }

  /** Counts files in the total before they are asked for. */
  expect(files: Iterable<readonly [path: string, bytes: number]>): void {
    for (const [path, total] of files)
      if (!this.#files.has(path)) this.#files.set(path, { loaded: 0, total });
  }

  /** A file will be loaded. */
  initiate(file: string): void {
    this.#report({ status: 'initiate', name: this.#name, file });
  }

  /** The download of a file begins. */
  download(file: string): void {
    this.#report({ status: 'download', name: this.#name, file });
  }

  /** So many bytes of a file are there. */
  progress(file: string, loaded: number, total: number = loaded): void {
    this.#files.set(file, { loaded, total });
    this.#report({
      status: 'progress',
      name: this.#name,
      file,
      loaded,
      total,
      progress: percent(loaded, total),
    });
    this.#reportTotal();
  }

  /** A file is complete. */
  done(file: string): void {
    this.#report({ status: 'done', name: this.#name, file });
  }

  /** The model can be used. */
  ready(task: string): void {
    this.#report({ status: 'ready', task, model: this.#name });
  }

  #reportTotal(): void {
    const counts = [...this.#files.values()];
    const loaded = counts.reduce((sum, file) => sum + file.loaded, 0);
    const total = counts.reduce((sum, file) => sum + file.total, 0);
    const files = Object.fromEntries([...this.#files].map(([path, file]) => [path, { ...file }]));
    const progress = percent(loaded, total);
    this.#report({ status: 'progress_total', name: this.#name, loaded, total, progress, files });
  }
}

function percent(loaded: number, total: number): number {
  return total === 0 ? 100 : Math.min(100, (100 * loaded) / total);
}
