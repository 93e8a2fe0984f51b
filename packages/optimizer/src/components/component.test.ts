import { describe, expect, it } from 'vitest';
import { type ComponentAttempt, decideComponent } from './component.js';

const attempt = (changes: Partial<ComponentAttempt> = {}): ComponentAttempt => ({
  form: 'integers',
  bytes: 250,
  ms: 5,
  sourceMs: 10,
  quality: 50,
  ...changes,
});
const stored = attempt({ form: 'stored as integers', ms: 10, quality: 55 });
const decide = (...attempts: ComponentAttempt[]) => decideComponent('vae_decoder', 1000, attempts, 45);

describe('decideComponent', () => {
  it('takes integers that are good and faster', () => {
    expect(decide(attempt(), stored)).toMatchObject({ form: 'integers', bytes: 250 });
  });

  it.each([
    ['less than 45', attempt({ quality: 44 })],
    ['less than 45', attempt({ quality: Number.NaN })],
    ['no faster', attempt({ ms: 10.5 })],
  ])('falls back to stored integers and says why: %s', (why, integer) => {
    const decision = decide(integer, stored);
    expect(decision.form).toBe('stored as integers');
    expect(decision.reason).toContain(why);
  });

  it.each([
    ['less than 45', { ...stored, quality: 30 }],
    ['slower', { ...stored, ms: 16 }],
    ['no smaller', { ...stored, bytes: 1000 }],
  ])('leaves the part as it is when nothing pays: %s', (why, only) => {
    const decision = decide(only);
    expect(decision).toMatchObject({ form: 'as in the source', bytes: 1000 });
    expect(decision.reason).toContain(why);
  });

  it('leaves a part as it is that no form was made of', () => {
    expect(decide()).toMatchObject({ form: 'as in the source', bytes: 1000 });
  });
});
