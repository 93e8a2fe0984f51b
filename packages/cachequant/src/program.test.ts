import { describe, expect, test } from 'vitest';
import { cachequant } from './__fixtures__/command-line.js';
import { packageVersion } from './version.js';

const COMMANDS = ['inspect', 'optimize', 'generate', 'compare', 'evaluate', 'report', 'cut', 'schedule'];
const ALL = [...COMMANDS, 'serve', 'worker'];

describe('help', () => {
  test('--help lists every command, the first steps and the exit codes', async () => {
    const { exitCode, stdout } = await cachequant(['--help']);
    expect(exitCode).toBe(0);
    for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    expect(stdout).toContain('$ cachequant inspect ./my-model');
    expect(stdout).toContain('0 done · 1 failed · 2 wrong usage · 130 interrupted');
  });

  test.each(COMMANDS)('%s --help shows an example of the command, --json and --debug', async (name) => {
    const { exitCode, stdout, stderr } = await cachequant([name, '--help']);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`  $ cachequant ${name} `);
    expect(stdout).toContain('--json');
    expect(stdout).toContain('--debug');
  });

  test.each(ALL)('--help lists %s with the arguments that it takes', async (name) => {
    const [, usage] = /^Usage: cachequant (.*)$/m.exec((await cachequant([name, '--help'])).stdout)!;
    expect((await cachequant(['--help'])).stdout).toContain(`  ${usage} `);
  });

  test.each(COMMANDS)('the examples of %s use options that their commands have', async (name) => {
    const { stdout } = await cachequant([name, '--help']);
    for (const [, command, rest] of stdout.matchAll(/\$ cachequant (\S+) (.*)/g)) {
      const help = (await cachequant([command!, '--help'])).stdout;
      for (const [option] of rest!.matchAll(/--[a-z-]+/g)) expect(help).toContain(`  ${option}`);
    }
  });

  test('--version prints the version of the package', async () => {
    expect(await cachequant(['--version'])).toEqual({
      exitCode: 0,
      stdout: `${packageVersion()}\n`,
      stderr: '',
    });
  });
});

describe('wrong usage ends with exit code 2', () => {
  test.each([
    ['a misspelt command', ['inspct', 'x'], 'Did you mean inspect?'],
    ['a misspelt option', ['inspect', 'x', '--laers'], 'Did you mean --layers?'],
    ['a missing argument', ['inspect'], "missing required argument 'model'"],
    ['an argument too many', ['inspect', 'a', 'b'], 'too many arguments'],
    ['a missing option', ['optimize', 'x'], "required option '--out <bundle>' not specified"],
    [
      'a choice that is none',
      ['optimize', 'x', '--out', 'y', '--bits', 'w4a4'],
      'Allowed choices are w8a8, w4a8, none',
    ],
    ['a number that is none', ['generate', 'x', '--steps', 'ten'], 'Expected a whole number from 1.'],
    ['a number with decimals', ['generate', 'x', '--steps', '1.5'], 'Expected a whole number from 1.'],
    ['more images than a list holds', ['generate', 'x', '--count', '5000000000'], 'from 1 to 100000.'],
    ['a picture of a billion pixels', ['generate', 'x', '--width', '1000000000'], 'from 1 to 16384.'],
    ['a size with an exponent', ['compare', 'x', 'y', '--width', '1e9'], 'Expected a whole number'],
    ['a shape that is none', ['inspect', 'x', '--dim', 'sample'], 'a form such as sample=2,4,64,64'],
    ['neither of two options', ['schedule', 'x'], 'give --interval, --refreshes, or both'],
  ])('%s', async (_, argv, message) => {
    const { exitCode, stdout, stderr } = await cachequant(argv);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  test.each([
    [['inspct', 'x', '--json'], /^unknown command 'inspct'/],
    [['--json', 'optimize', 'x'], /^required option '--out <bundle>' not specified/],
    [['generate', 'models/fashion-sd', '--json'], /^option '--prompt <text>' is missing/],
    [['schedule', 'x', '--json'], /^give --interval, --refreshes, or both/],
    [['--json'], /^no command is given/],
  ])('%j prints JSON', async (argv, message) => {
    const { exitCode, stdout, stderr } = await cachequant(argv);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toEqual({ error: { code: 'usage', message: expect.stringMatching(message) } });
    expect(stderr).not.toBe('');
  });

  test.each(['generate', 'evaluate'])('%s without the prompt that its model needs', async (command) => {
    const { exitCode, stdout, stderr } = await cachequant([command, 'models/fashion-sd']);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^error: option '--prompt <text>' is missing/);
  });

  test('no command at all shows the help', async () => {
    const { exitCode, stderr } = await cachequant([]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Usage: cachequant');
  });
});
