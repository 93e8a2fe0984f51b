import { z } from 'zod';

/** What workers announce of a model, and fronts have to know of it. */
export const queuedModelSchema = z.object({
  /** The name that requests call it by. */
  id: z.string(),
  /** Differs when its pictures do. */
  fingerprint: z.string(),
  /** Seconds since 1970. */
  created: z.number(),
  takesText: z.boolean(),
});

/** A model that workers draw by. */
export type QueuedModel = z.output<typeof queuedModelSchema>;

const FINGERPRINT_DIGITS = 12;

/** The queue of a model. Another version of the model has another one, so that no worker draws by the wrong one. */
export function queueName({ id, fingerprint }: Pick<QueuedModel, 'id' | 'fingerprint'>): string {
  return `${id.replace(/[^\w.-]/g, '_')}-${fingerprint.slice(0, FINGERPRINT_DIGITS)}`;
}
