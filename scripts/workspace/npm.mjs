// @ts-check
import path from 'node:path';

/**
 * How to start npm: the one that runs this script, else the one in PATH.
 *
 * @param {readonly string[]} args
 * @returns {[command: string, args: string[]]}
 */
export function npmCommand(args) {
  const running = process.env.npm_execpath;
  if (running && /^(npm|npx)-cli\.c?js$/.test(path.basename(running))) {
    const cli = path.join(path.dirname(running), 'npm-cli.js');
    return [process.execPath, [cli, ...args]];
  }
  if (process.platform !== 'win32') return ['npm', [...args]];
  // Windows' installer puts npm beside node.exe; its npm.cmd cannot be started without a shell.
  return [
    process.execPath,
    [path.join(path.dirname(process.execPath), 'node_modules/npm/bin/npm-cli.js'), ...args],
  ];
}
