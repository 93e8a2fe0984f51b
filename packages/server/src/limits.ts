import { CacheQuantError } from '@cachequant/tensor';

/** How much one client, and all of them together, may ask of a server. */
export interface ServerLimits {
  /** Requests that wait for their turn; one more is answered with 429. */
  readonly queue: number;
  /** From a request's arrival to its last picture. */
  readonly deadlineSeconds: number;
  /** Pictures in one request. */
  readonly pictures: number;
  readonly steps: number;
  /** Width times height of a picture. */
  readonly pixels: number;
  readonly promptCharacters: number;
  readonly bodyBytes: number;
  /** Of a request with pictures in it. */
  readonly uploadBytes: number;
  /** Width times height of a picture that is sent. */
  readonly uploadPixels: number;
  readonly connections: number;
  /** Until a request's headers must have come. */
  readonly headerSeconds: number;
  /** Until the whole request must have come. */
  readonly bodySeconds: number;
  /** For which a client may take nothing of its answer. */
  readonly sendSeconds: number;
  /** Pictures that are kept for `response_format: "url"`, as files. */
  readonly keptBytes: number;
  readonly keptSeconds: number;
}

/** The limits of a server that is told none: for one machine and pictures up to four megapixels. */
export const DEFAULT_LIMITS: ServerLimits = {
  queue: 16,
  deadlineSeconds: 600,
  pictures: 10,
  steps: 150,
  pixels: 2048 * 2048,
  promptCharacters: 4000,
  bodyBytes: 128 * 1024,
  uploadBytes: 10 * 1024 * 1024,
  uploadPixels: 4096 * 4096,
  connections: 256,
  headerSeconds: 10,
  bodySeconds: 30,
  sendSeconds: 60,
  keptBytes: 64 * 1024 * 1024,
  keptSeconds: 600,
};

/** @throws CacheQuantError `invalid-argument` for a limit that is no positive number */
export function withDefaultLimits(given: Partial<ServerLimits> = {}): ServerLimits {
  const limits = { ...DEFAULT_LIMITS, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isFinite(value) && value > 0) continue;
    throw new CacheQuantError('invalid-argument', 'the limit is out of range', {
      where: `limits.${name}`,
      expected: 'a number above 0',
      got: String(value),
    });
  }
  return limits;
}
