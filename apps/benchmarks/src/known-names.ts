import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { SCORER } from './paths.js';

const namesSchema = z.object({ kinds: z.array(z.string()), colors: z.array(z.string()) });

/** Kinds and colours that the small model was trained on. */
export async function knownNames(): Promise<z.output<typeof namesSchema>> {
  return namesSchema.parse(JSON.parse(await readFile(path.join(SCORER, 'reference.json'), 'utf8')));
}
