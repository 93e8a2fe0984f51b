import { CacheQuantError, type ErrorCode } from '@cachequant/tensor';
import { z } from 'zod';
import { type PictureRequest, pictureRequestSchema } from './picture-request.js';

/** What a job says to the worker that takes it. Its id is the picture's key. */
export interface JobData {
  readonly model: string;
  readonly request: PictureRequest;
  /** Unfinished pictures to send on the way. */
  readonly partials: number;
  /** The HTTP request that asked first, for the worker's log. */
  readonly requestId: string;
}

/** What a worker says of a picture that it has put into the archive. */
export interface JobResult {
  /** Whether it was there already. */
  readonly found: boolean;
  readonly seconds: number;
  readonly worker: string;
}

const progressSchema = z.object({
  call: z.int(),
  calls: z.int(),
  partial: z.object({ index: z.int(), preview: z.string() }).optional(),
});

/** Where a picture stands; `partial` is a small WebP in base64. */
export type JobProgress = z.output<typeof progressSchema>;

/** Undefined for what is no progress of ours. */
export function readProgress(value: unknown): JobProgress | undefined {
  return progressSchema.safeParse(value).data;
}

/** Why a job failed that nobody waits for any more. */
export const CANCELLED = 'cancelled';

const jobDataSchema = z.object({
  model: z.string(),
  request: pictureRequestSchema,
  partials: z.int().min(0).max(10),
  requestId: z.string(),
});

/** @throws CacheQuantError `unsupported` for a job that another version has put there */
export function readJobData(value: unknown): JobData {
  const parsed = jobDataSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CacheQuantError('unsupported', 'the job is of another version of cachequant', {
    where: 'queue',
    hint: 'Run the same version on all machines',
  });
}

const errorSchema = z.object({
  code: z.string(),
  message: z.string(),
  where: z.string().optional(),
});

/** An error as a job carries it. */
export function writeJobError(error: unknown): string {
  const { code, message, where } = CacheQuantError.is(error)
    ? error
    : { code: 'internal', message: error instanceof Error ? error.message : String(error), where: undefined };
  return JSON.stringify({ code, message, where });
}

/** The error again; what is none of ours, such as a job that ended its workers, is `runtime`. */
export function readJobError(text: string): CacheQuantError {
  const parsed = errorSchema.safeParse(parse(text));
  if (!parsed.success) return new CacheQuantError('runtime', text, { where: 'worker' });
  const { code, message, where } = parsed.data;
  const error = new CacheQuantError(code as ErrorCode, message);
  return Object.defineProperty(error, 'where', { value: where });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
