// @ts-check
import path from 'node:path';
import ts from 'typescript';
import { members } from '../workspace/members.mjs';
import { readJson } from '../workspace/paths.mjs';

/**
 * What TypeScript has against the published declarations in a strict project that checks libraries and has no
 * ambient types, such as `@types/node`: what they need of those has to be a dependency.
 *
 * @param {string} repository built
 * @returns {string[]}
 */
export function consumerTypeProblems(repository) {
  const packages = members(repository).filter(({ manifest }) => !manifest.private);
  const program = ts.createProgram(packages.flatMap(declarationEntries), {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    skipLibCheck: false,
    types: [],
    noEmit: true,
  });
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const place = file ? path.relative(repository, file.fileName).split(path.sep).join('/') : '';
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${place}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

/** @param {import('../workspace/members.mjs').Member} member */
function declarationEntries({ path: folder }) {
  const { publishConfig } = readJson(path.join(folder, 'package.json'));
  return Object.values(publishConfig.exports)
    .map(({ types }) => types)
    .filter((types) => typeof types === 'string')
    .map((types) => path.join(folder, types));
}
