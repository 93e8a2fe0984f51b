import { describe, expect, it } from 'vitest';
import { OPTIMIZE_OPTIONS, optimizeOptionsSchema } from './optimize-options.js';
import { OPTION_GROUPS } from './option-definition.js';
import { optionLines } from './option-lines.js';

describe('optionLines()', () => {
  const lines = new Map(optionLines().map((line) => [line.name, line]));

  it('offers every option but those of programs', () => {
    const missing = Object.keys(OPTIMIZE_OPTIONS).filter((name) => !lines.has(name as never));
    expect(missing).toEqual(['prompts', 'verificationPrompts', 'comparisonImages']);
  });

  it('reads flag, kind of value, range, choices and default from the one definition', () => {
    expect(lines.get('guidanceScale')).toMatchObject({
      flag: '--guidance-scale <number>',
      value: { kind: 'number', least: 0, most: 100 },
      help: "the guidance scale that you will generate with (default: the model's)",
    });
    expect(lines.get('steps')?.value).toEqual({ kind: 'integer', least: 1, most: 1000 });
    expect(lines.get('interval')?.help).toMatch(
      /\(default: a tenth of the network calls, from 2 to 5; 1 below 10 calls\)$/,
    );
    expect(lines.get('bits')?.value).toEqual({ kind: 'choice', choices: ['w8a8', 'w4a8', 'none'] });
    expect(lines.get('keepFloat')?.value).toEqual({ kind: 'names' });
    expect(lines.get('sampler')?.value).toEqual({ kind: 'text' });
  });

  it('lists options of one group beside each other, in the order of the groups', () => {
    const places = [...lines.values()].map(({ group }) => OPTION_GROUPS.indexOf(group));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  it('offers no choice that the schema refuses', () => {
    for (const { name, value } of lines.values()) {
      for (const choice of value.kind === 'choice' ? value.choices : []) {
        expect(optimizeOptionsSchema.safeParse({ [name]: choice }).success, `${name} ${choice}`).toBe(true);
      }
    }
  });
});
