import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Part } from './architectures/architecture.js';
import { buildGraph, findArchitecture } from './build-graph.js';

const FOLDER = new URL('../../../fixtures/architectures/full-size/', import.meta.url);

interface FullSize {
  readonly className: string;
  readonly config: Record<string, unknown>;
  readonly parameters: Record<string, number[]>;
}

/** What a class of transformers calls otherwise than released files do, or has and does not compute with. */
const NAMES: Record<string, (name: string) => string | undefined> = {
  CLIPTextModel: (name) => `text_model.${name}`,
  T5EncoderModel: (name) => (name === 'encoder.embed_tokens.weight' ? undefined : name),
  LDMBertModel: (name) => (name.startsWith('to_logits.') ? undefined : name),
};

function expected({ className, parameters }: FullSize): Map<string, number[]> {
  const rename = NAMES[className] ?? ((name: string) => name);
  return new Map(
    Object.entries(parameters).flatMap(([name, dims]) => {
      const renamed = rename(name);
      return renamed === undefined ? [] : [[renamed, dims] as const];
    }),
  );
}

describe('buildGraph gives a released model the parameters that its class declares', () => {
  test.each(readdirSync(FOLDER).sort())('%s', (file) => {
    const model: FullSize = JSON.parse(gunzipSync(readFileSync(new URL(file, FOLDER))).toString());
    const parts = Object.keys(findArchitecture(model.className)!.parts) as Part[];
    const built = parts.flatMap((part) => [...buildGraph({ ...model, part }).parameters]);
    const sorted = (entries: Iterable<readonly [string, readonly number[]]>) =>
      Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
    expect(sorted(built)).toEqual(sorted(expected(model)));
  });
});
