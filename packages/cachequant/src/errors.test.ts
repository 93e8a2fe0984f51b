import { CacheQuantError } from '@cachequant/tensor';
import { describe, expect, test } from 'vitest';
import { recordedIo } from './__fixtures__/command-line.js';
import { reportError } from './errors.js';

function report(error: unknown, options: { json?: boolean; debug?: boolean } = {}) {
  const { io, stdout, stderr } = recordedIo('.');
  const exitCode = reportError(error, io, { json: false, debug: false, ...options });
  return { exitCode, stdout: stdout(), stderr: stderr() };
}

const known = new CacheQuantError('storage', 'no such file', {
  where: 'unet/model.onnx',
  hint: 'Check the path',
});

describe('reportError', () => {
  test('prints an error of ours as one line, without a stack', () => {
    expect(report(known)).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'error: unet/model.onnx: no such file. Check the path\n',
    });
  });

  test('with debug shows the stack and the cause', () => {
    const caused = new CacheQuantError('storage', 'no such file', { cause: new Error('ENOENT') });
    const { stderr } = report(caused, { debug: true });
    expect(stderr).toContain('errors.test.ts');
    expect(stderr).toContain('caused by: ENOENT');
  });

  test('calls an unexpected error a bug of ours', () => {
    const { exitCode, stderr } = report(new TypeError('x is not a function'));
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^error: x is not a function\nThis is a bug in cachequant, not a mistake of yours\.\n/,
    );
    expect(stderr).toContain('--debug');
  });

  test('an `internal` error is a bug of ours too', () => {
    expect(report(new CacheQuantError('internal', 'no schedule')).stderr).toContain('bug in cachequant');
  });

  test('with json prints the fields on stdout and the message on stderr', () => {
    const { stdout, stderr } = report(known, { json: true });
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'storage',
        message: known.message,
        where: 'unet/model.onnx',
        hint: 'Check the path',
      },
    });
    expect(stderr).toContain('no such file');
  });

  test('a stop on request is exit code 130 and no error', () => {
    expect(report(new CacheQuantError('aborted', 'stopped on request'))).toEqual({
      exitCode: 130,
      stdout: '',
      stderr: 'stopped\n',
    });
  });
});
