import type { Redis } from 'ioredis';
import { z } from 'zod';
import { PREFIX } from './connection.js';
import { type QueuedModel, queuedModelSchema } from './queued-model.js';

const KEY = `${PREFIX}:models`;
/** How often workers say what they draw by. */
export const ANNOUNCE_MS = 5000;
const ALIVE_MS = 4 * ANNOUNCE_MS;
/** For which a model stays on the list that no worker has: there may be none while nothing is to be drawn. */
const KEPT_MS = 7 * 24 * 3600 * 1000;

const entrySchema = queuedModelSchema.extend({ announcedMs: z.number() });
type Entry = z.output<typeof entrySchema>;

/** Says that a worker draws by a model. */
export async function announce(redis: Redis, model: QueuedModel, nowMs = Date.now()): Promise<void> {
  const entry: Entry = { ...model, announcedMs: nowMs };
  await redis.hset(KEY, `${model.id}@${model.fingerprint}`, JSON.stringify(entry));
}

/**
 * The models that workers draw by, or drew by within a week. Where a name stands for two, as while a bundle is replaced
 * by a newer one, it is the newest that a worker has now.
 */
export async function listModels(redis: Redis, nowMs = Date.now()): Promise<readonly QueuedModel[]> {
  const found = Object.values(await redis.hgetall(KEY)).flatMap((text) => entryOf(text) ?? []);
  const kept = found.filter(({ announcedMs }) => nowMs - announcedMs < KEPT_MS);
  const isAlive = ({ announcedMs }: Entry) => Number(nowMs - announcedMs < ALIVE_MS);
  const best = kept.sort(
    (a, b) => isAlive(b) - isAlive(a) || b.created - a.created || b.announcedMs - a.announcedMs,
  );
  const byId = new Map<string, QueuedModel>();
  for (const { announcedMs: _, ...model } of best) if (!byId.has(model.id)) byId.set(model.id, model);
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function entryOf(text: string): Entry | undefined {
  try {
    return entrySchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
