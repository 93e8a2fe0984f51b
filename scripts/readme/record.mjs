// @ts-check
// Runs what READMEs show of the command line and of the optimizer, and records what it prints: minutes of work, on a
// machine that does nothing else. `npm run readme` puts the records into the READMEs.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inRoot } from '../workspace/paths.mjs';
import { fencesOf } from './blocks.mjs';
import { runExample } from './run-example.mjs';

/** The commands of the quickstart of the command line. */
const COMMANDS = [
  ['optimize', 'models/fashion-sd', '--out', 'my-bundle', '--effort', 'fast', '--guidance-scale', '4'],
  ['generate', 'my-bundle', '--prompt', 'a red sneaker', '--seed', '7', '--out', 'pictures'],
];

const wanted = process.argv.slice(2);
if (wanted.length === 0 || wanted.includes('cachequant')) recordCommands();
if (wanted.length === 0 || wanted.includes('optimizer')) await recordOptimizer();

function recordCommands() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'cachequant-readme-'));
  symlinkSync(inRoot('models'), path.join(folder, 'models'), 'junction');
  const transcripts = COMMANDS.map((args) => {
    const shown = args.map((arg) => (arg.includes(' ') ? `"${arg}"` : arg)).join(' ');
    // Both streams in the order in which they are written.
    const run = spawnSync(
      'sh',
      ['-c', `"$0" "$@" 2>&1`, process.execPath, inRoot('packages/cachequant/dist/bin.js'), ...args],
      {
        cwd: folder,
        encoding: 'utf8',
      },
    );
    if (run.status !== 0) throw new Error(`cachequant ${shown} failed:\n${run.stdout}`);
    const lines = run.stdout.trim().split('\n');
    // Lines of progress depend on how long it takes.
    const lasting = lines.filter((line) => !/^ {2}.*: \d+\/\d+/.test(line)).join('\n');
    return `$ cachequant ${shown}\n${lasting.replaceAll(folder, '/home/me')}`;
  });
  rmSync(folder, { recursive: true });
  write('packages/cachequant/results/quickstart.txt', transcripts.join('\n\n'));
}

async function recordOptimizer() {
  const folder = inRoot('packages/optimizer');
  const [example] = fencesOf(readFileSync(path.join(folder, 'README.md'), 'utf8')).filter(
    ({ language }) => language === 'js',
  );
  write('packages/optimizer/results/quickstart.txt', await runExample(example?.body ?? ''));
}

/**
 * @param {string} file
 * @param {string} text
 */
function write(file, text) {
  mkdirSync(path.dirname(inRoot(file)), { recursive: true });
  writeFileSync(inRoot(file), `${text}\n`);
  console.log(file);
}
