// @ts-check
import path from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { filterProblems } from '@arethetypeswrong/core/problems';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { readJson } from '../workspace/paths.mjs';

/** @typedef {import('./packing.mjs').Packed} Packed */

/**
 * What publint has against a package.
 *
 * @param {Packed} packed
 * @returns {Promise<string[]>}
 */
export async function publintProblems({ member, tarball }) {
  const bytes = new Uint8Array(tarball).buffer;
  const { messages, pkg } = await publint({ pack: { tarball: bytes }, strict: true });
  return messages.map((message) => `${member.folder}: ${formatMessage(message, pkg, { color: false })}`);
}

/**
 * Entry points whose types are missing or wrong for those who import them, with TypeScript's NodeNext and bundler
 * resolutions; the packages are ESM only, so `require` is not looked at.
 *
 * @param {Packed} packed
 * @returns {Promise<string[]>}
 */
export async function typeProblems({ member, tarball }) {
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)));
  if (!analysis.types) return [`${member.folder}: the package has no types`];
  const problems = ['node16-esm', 'bundler'].flatMap((resolution) => [
    ...filterProblems(analysis, { resolutionKind: /** @type {'node16-esm' | 'bundler'} */ (resolution) }),
  ]);
  const lines = problems.map((problem) => {
    const where = 'entrypoint' in problem ? ` at "${problem.entrypoint}"` : '';
    return `${member.folder}: ${problem.kind}${where}`;
  });
  return [...new Set(lines)];
}

/**
 * The sources' own export condition must not be published.
 *
 * @param {Packed} packed
 * @returns {string[]}
 */
export function sourceConditionProblems({ member }) {
  const { publishConfig } = readJson(`${member.path}/package.json`);
  const published = JSON.stringify(publishConfig?.exports ?? '@cachequant/source');
  return published.includes('@cachequant/source')
    ? [`${member.folder}/package.json: publishConfig.exports must repeat exports without @cachequant/source`]
    : [];
}

/**
 * Source maps that lead nowhere: each source must be in the package or inside the map.
 *
 * @param {Packed} packed
 * @returns {string[]}
 */
export function sourceMapProblems({ member, tarball }) {
  const files = createPackageFromTarballData(new Uint8Array(tarball));
  return files
    .listFiles()
    .filter((file) => file.endsWith('.map'))
    .flatMap((file) => {
      const { sources, sourcesContent = [] } = JSON.parse(files.readFile(file));
      const missing = sources.filter(
        (/** @type {string} */ source, /** @type {number} */ at) =>
          typeof sourcesContent[at] !== 'string' &&
          !files.fileExists(path.posix.join(path.posix.dirname(file), source)),
      );
      const name = file.replace(/^.*node_modules\/(@[^/]+\/)?[^/]+\//, '');
      return missing.map((/** @type {string} */ source) => `${member.folder}: ${name} refers to ${source}`);
    });
}
