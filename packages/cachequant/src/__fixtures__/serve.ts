import { onTestFinished } from 'vitest';
import { type CliResult, cachequant } from './command-line.js';

/** Starts the command, and stops it with the test. */
export async function serve(
  argv: readonly string[],
  cwd: string,
): Promise<{ url: string; stop: () => Promise<CliResult> }> {
  const controller = new AbortController();
  let ended: Promise<CliResult> | undefined;
  const stop = () => {
    controller.abort();
    return ended!;
  };
  const url = await new Promise<string>((resolve, reject) => {
    ended = cachequant(['serve', ...argv, '--port', '0', '--warm-up-steps', '1', '--threads', '1'], {
      cwd,
      signal: controller.signal,
      onStderr: (text) => {
        const [, address] = /(http:\S+) serves/.exec(text) ?? [];
        if (address) resolve(address);
      },
    });
    ended.then((result) => reject(new Error(JSON.stringify(result))));
  });
  onTestFinished(async () => void (await stop()));
  return { url, stop };
}
