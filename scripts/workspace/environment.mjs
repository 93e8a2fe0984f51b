// @ts-check
import path from 'node:path';
import { inRoot } from './paths.mjs';

/**
 * The environment for tools: no telemetry, no update checks, no downloads other than from the npm registry.
 *
 * @param {string} [commandFolder] put first in PATH
 * @returns {NodeJS.ProcessEnv}
 */
export function toolEnvironment(commandFolder) {
  const env = { ...process.env };
  // `npm run -s` hands its silence down; a failure's log would be empty.
  delete env.npm_config_loglevel;
  const pathKey = Object.keys(env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH';
  if (commandFolder) env[pathKey] = [commandFolder, env[pathKey]].filter(Boolean).join(path.delimiter);
  return {
    ...env,
    // onnxruntime-node's install script downloads CUDA libraries from another server.
    ONNXRUNTIME_NODE_INSTALL: 'skip',
    TURBO_TELEMETRY_DISABLED: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
    TURBO_CONFIG_DIR_PATH: inRoot('.cache/turbo-config'),
    DO_NOT_TRACK: '1',
    npm_config_update_notifier: 'false',
  };
}
