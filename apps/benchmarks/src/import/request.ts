/** How the parts of the benchmark are run. */
export interface ImportRequest {
  /** The folder of models, graphs and bundles. */
  readonly work: string;
  /** The interpreter of the exporter. */
  readonly python: string;
  readonly latentSize: number;
  readonly rounds: number;
  /** Whether bundles of both U-Nets are made and timed. */
  readonly integers: boolean;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}
