import type { HubProgress } from '@cachequant/hub';

/** What reading a model needs beside the model: where paths begin, and who is told what. */
export interface SourceContext {
  /** The folder that relative paths start from. */
  readonly cwd: string;
  /** Of a model on the Hub; `main` unless given. */
  readonly revision?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onDownload?: (progress: HubProgress) => void;
  readonly onWarning?: (warning: string) => void;
}
