import { expect, test, vi } from 'vitest';
import { cachequant } from './__fixtures__/command-line.js';

const loaded = vi.hoisted(() => new Set<string>());
vi.mock('@cachequant/server', (original) => {
  loaded.add('server');
  return original();
});
vi.mock('@cachequant/optimizer', (original) => {
  loaded.add('optimizer');
  return original();
});
vi.mock('@cachequant/pipeline', (original) => {
  loaded.add('pipeline');
  return original();
});

test('a command loads the packages that it runs on, and the list of commands loads none of them', async () => {
  expect((await cachequant(['--help'])).exitCode).toBe(0);
  expect((await cachequant(['--version'])).exitCode).toBe(0);
  expect((await cachequant(['schedule', '--help'])).exitCode).toBe(0);
  expect([...loaded]).toEqual([]);
  expect((await cachequant(['inspect', 'models/tiny/ddpm-unet/model.onnx'])).exitCode).toBe(0);
  expect([...loaded]).not.toContain('server');
  expect((await cachequant(['help', 'serve'])).stdout).toContain('--queue-length');
  expect([...loaded]).toContain('server');
});
