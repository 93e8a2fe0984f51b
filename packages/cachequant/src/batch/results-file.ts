import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeStorage } from '@cachequant/runtime-node';
import { CacheQuantError, parseJson, writeFile } from '@cachequant/tensor';
import { z } from 'zod';
import type { LineRequest, PromptLine } from './prompt-lines.js';

/** The name of the file in the folder of the pictures. */
export const RESULTS = 'results.jsonl';

const recordSchema = z.object({
  line: z.int().positive(),
  id: z.string().optional(),
  /** Of the model and the request: the line is the same as long as this is. */
  request: z.string(),
  seed: z.int(),
  file: z.string().optional(),
  width: z.int().optional(),
  height: z.int().optional(),
  seconds: z.number().optional(),
  warnings: z.array(z.string()).optional(),
  error: z.object({ code: z.string(), message: z.string(), where: z.string().optional() }).optional(),
});

/** What became of a line: a picture or an error. */
export type LineRecord = z.output<typeof recordSchema>;

/** Results of lines, each written once, as it comes. */
export interface ResultsFile {
  /** Of earlier runs and this one, by line. */
  readonly records: ReadonlyMap<number, LineRecord>;
  /** Resolves when the record is on the disk. */
  add(record: LineRecord): Promise<void>;
  close(): Promise<void>;
}

/** Names what decides a line's picture. */
export function requestHash(fingerprint: string, request: LineRequest): string {
  const fields = Object.entries(request).filter(([, value]) => value !== undefined);
  const sorted = fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([fingerprint, sorted]))
    .digest('hex')
    .slice(0, 32);
}

/**
 * Opens the results of a folder. A record that a run did not finish writing is cut off; lines that have one are done.
 * @param retryErrors takes the records of lines that failed out, so that these are drawn again
 * @throws CacheQuantError `invalid-argument` when the results are of other prompts or of another model, `storage` for
 * something else under that name
 */
export async function openResults(
  folder: string,
  lines: readonly PromptLine[],
  fingerprint: string,
  retryErrors: boolean,
): Promise<ResultsFile> {
  const path = join(folder, RESULTS);
  const records = await readRecords(path);
  requireSame(records, lines, fingerprint, path);
  const kept = [...records.values()].filter(({ error }) => !(retryErrors && error));
  if (kept.length < records.size) {
    const text = kept.map((record) => `${JSON.stringify(record)}\n`).join('');
    await writeFile(nodeStorage(folder), RESULTS, text);
  }
  return resultsFile(await openOwn(path), new Map(kept.map((record) => [record.line, record])));
}

/** Links are not followed: what lies elsewhere is not ours. */
async function openOwn(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0), 0o666);
  } catch (cause) {
    throw new CacheQuantError('storage', 'the results cannot be written', {
      where: path,
      got: cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause),
      hint: 'Choose another --out, or move what is there away',
      cause,
    });
  }
}

function resultsFile(handle: FileHandle, records: Map<number, LineRecord>): ResultsFile {
  let last: Promise<unknown> = Promise.resolve();
  return {
    records,
    add(record) {
      const written = last.then(async () => {
        const { size } = await handle.stat();
        await writeAll(handle, `${JSON.stringify(record)}\n`, size);
        await handle.datasync();
        records.set(record.line, record);
      });
      last = written.catch(() => {});
      return written;
    },
    async close() {
      await last;
      await handle.close();
    },
  };
}

async function readRecords(path: string): Promise<Map<number, LineRecord>> {
  const handle = await openOwn(path);
  try {
    const text = await handle.readFile('utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const records = parseRecords(whole, path);
    if (whole.length < text.length) await handle.truncate(Buffer.byteLength(whole));
    return records;
  } finally {
    await handle.close();
  }
}

function parseRecords(text: string, path: string): Map<number, LineRecord> {
  const records = new Map<number, LineRecord>();
  for (const [at, content] of text.split('\n').entries()) {
    if (content === '') continue;
    const parsed = recordSchema.safeParse(parseRecord(content, `${path}:${at + 1}`));
    if (!parsed.success || records.has(parsed.data.line)) {
      throw new CacheQuantError('storage', 'the file holds something other than results of prompts', {
        where: `${path}:${at + 1}`,
        hint: 'Choose another --out, or move the file away',
      });
    }
    records.set(parsed.data.line, parsed.data);
  }
  return records;
}

function parseRecord(content: string, where: string): unknown {
  try {
    return parseJson(content, where);
  } catch {
    return undefined;
  }
}

function requireSame(
  records: ReadonlyMap<number, LineRecord>,
  lines: readonly PromptLine[],
  fingerprint: string,
  path: string,
): void {
  const byLine = new Map(lines.map((one) => [one.line, one]));
  for (const { line, request } of records.values()) {
    const now = byLine.get(line);
    if (now && requestHash(fingerprint, now.request) === request) continue;
    throw new CacheQuantError('invalid-argument', 'the folder holds results of other prompts', {
      where: path,
      expected: `line ${line} as it was, drawn by the same model with the same options`,
      got: now ? 'another one' : 'no such line',
      hint: 'Choose another --out; lines may be added at the end, and nothing else changed',
    });
  }
}

async function writeAll(handle: FileHandle, text: string, position: number): Promise<void> {
  const bytes = Buffer.from(text);
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}
