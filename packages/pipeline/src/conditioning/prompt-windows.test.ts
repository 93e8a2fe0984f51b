import { describe, expect, it } from 'vitest';
import { input } from '../__fixtures__/fake-session.js';
import { windowsOf } from './prompt-windows.js';

const SIZE = { width: 8, height: 8 };
/** Windows of ten characters. */
const encoder = { length: 77, windowsFor: (prompt: string) => Math.max(1, Math.ceil(prompt.length / 10)) };
const open = input('text', 'float32', [null, null, 8]);

describe('windowsOf(encoders, request, context)', () => {
  const long = 'a'.repeat(25);

  it('is one unless more are allowed, and then what the longest text of the request needs', () => {
    const count = (chunks: number | undefined, request: object) =>
      windowsOf([encoder], { prompt: 'a', ...SIZE, ...request }, { input: open, prompts: { chunks } });
    expect(count(undefined, { prompt: long })).toBe(1);
    expect(count(4, {})).toBe(1);
    expect(count(4, { prompt: long })).toBe(3);
    expect(count(2, { prompt: long })).toBe(2);
    expect(count(4, { negativePrompt: long })).toBe(3);
    expect(count(4, { companions: ['b', long] })).toBe(3);
  });

  it('is what a graph of one length takes, whatever is asked', () => {
    const fixed = input('text', 'float32', [2, 154, 8]);
    const request = { prompt: long, ...SIZE };
    expect(windowsOf([encoder], request, { input: fixed, prompts: undefined })).toBe(2);
    expect(windowsOf([encoder], { ...request, prompt: 'a' }, { input: fixed, prompts: { chunks: 5 } })).toBe(
      2,
    );
    const odd = input('text', 'float32', [2, 100, 8]);
    expect(() => windowsOf([encoder], request, { input: odd, prompts: {} })).toThrow(
      /input text: the denoiser takes texts of another length .expected a multiple of 77 tokens.*got 100/,
    );
  });

  it('is all that are allowed where all prompts are to have one length', () => {
    const prompts = { chunks: 3, padChunks: true };
    expect(windowsOf([encoder], { prompt: 'a', ...SIZE }, { input: open, prompts })).toBe(3);
  });
});
