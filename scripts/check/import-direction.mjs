// @ts-check
import { existsSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { members } from '../workspace/members.mjs';
import { readJson } from '../workspace/paths.mjs';
import { circlesIn } from './circles.mjs';
import { importsIn, packageOf } from './imports.mjs';
import { allowedImports, nodePackages, runtimePackages, topPackages } from './layers.mjs';

/** @typedef {import('../workspace/members.mjs').Member} Member */

/**
 * @typedef {object} Workspace
 * @property {string} repository absolute path
 * @property {Set<string>} names of all packages and apps
 * @property {Set<string>} sharedTools development dependencies of the root
 */

/**
 * Finds imports and dependencies that point upwards, into another package's files, or to something undeclared.
 *
 * Test files may use any declared package: an oracle may need a runtime that the tested code must not know.
 *
 * @param {string} repository
 * @returns {string[]} a message for each violation, `packages/x/src/file.ts: …`
 */
export function findViolations(repository) {
  const all = members(repository);
  const rootManifest = path.join(repository, 'package.json');
  const shared = existsSync(rootManifest) ? readJson(rootManifest).devDependencies : {};
  const workspace = {
    repository,
    names: new Set(all.map(({ manifest }) => manifest.name)),
    sharedTools: new Set(Object.keys(shared ?? {})),
  };
  return all.flatMap((member) => [
    ...manifestViolations(member, workspace),
    ...sourceViolations(member, workspace),
    ...circleViolations(member),
  ]);
}

/** @param {Member} member */
const isApp = ({ folder }) => folder.startsWith('apps/');

/** @param {Member} member */
const runtimeDependencies = ({ manifest }) =>
  Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });

/**
 * @param {Member} member
 * @param {Workspace} workspace
 * @returns {string[]}
 */
function manifestViolations(member, workspace) {
  const { name } = member.manifest;
  const where = `${member.folder}/package.json`;
  if (!isApp(member) && !topPackages.has(name) && !allowedImports.has(name)) {
    return [`${where}: ${name} has no place in scripts/check/layers.mjs; add what it may import`];
  }
  return runtimeDependencies(member)
    .map((dependency) => layerViolation(member, dependency, workspace))
    .filter((reason) => reason !== undefined)
    .map((reason) => `${where}: ${reason}`);
}

/**
 * @param {Member} member
 * @param {Workspace} workspace
 * @returns {string[]}
 */
function sourceViolations(member, workspace) {
  const sources = path.join(member.path, 'src');
  if (!existsSync(sources)) return [];
  return importsIn(sources).flatMap(({ file, specifier }) => {
    const reason = specifier.startsWith('.')
      ? relativeViolation(member, file, specifier)
      : packageViolation(member, file, specifier, workspace);
    const where = path.relative(workspace.repository, file).replaceAll(path.sep, '/');
    return reason === undefined ? [] : [`${where}: ${reason}`];
  });
}

/** @param {Member} member */
function circleViolations(member) {
  const sources = path.join(member.path, 'src');
  if (!existsSync(sources)) return [];
  return circlesIn(sources).map((files) => `${member.folder}/src: ${files.join(', ')} import each other`);
}

/**
 * @param {Member} member
 * @param {string} file
 * @param {string} specifier
 */
function relativeViolation(member, file, specifier) {
  if (isTest(file)) return undefined;
  const target = path.relative(member.path, path.resolve(path.dirname(file), specifier));
  return target.startsWith('..')
    ? `imports ${specifier}, outside its package; import the package by name`
    : undefined;
}

/**
 * @param {Member} member
 * @param {string} file
 * @param {string} specifier
 * @param {Workspace} workspace
 */
function packageViolation(member, file, specifier, workspace) {
  const imported = packageOf(specifier);
  if (isBuiltin(specifier)) {
    const allowed = isApp(member) || isTest(file) || nodePackages.has(member.manifest.name);
    return allowed ? undefined : `imports ${specifier}; ${member.manifest.name} runs in browsers too`;
  }
  if (imported === member.manifest.name) return undefined;
  if (isTest(file))
    return undeclared(member, imported, [...workspace.sharedTools, ...developmentDependencies(member)]);
  return (
    layerViolation(member, imported, workspace) ?? undeclared(member, imported, runtimeDependencies(member))
  );
}

/** @param {Member} member */
const developmentDependencies = (member) => [
  ...runtimeDependencies(member),
  ...Object.keys(member.manifest.devDependencies ?? {}),
];

/**
 * @param {Member} member
 * @param {string} imported package name
 * @param {readonly string[]} declared
 */
function undeclared(member, imported, declared) {
  return declared.includes(imported)
    ? undefined
    : `imports ${imported}, which ${member.folder}/package.json does not list`;
}

/**
 * @param {Member} member
 * @param {string} imported package name
 * @param {Workspace} workspace
 */
function layerViolation(member, imported, workspace) {
  const { name } = member.manifest;
  if (/^onnxruntime(-|$)/.test(imported) && !isApp(member) && !runtimePackages.has(name)) {
    return `uses ${imported}; ${name} takes its runtime by injection`;
  }
  if (!workspace.names.has(imported)) return undefined;
  const isPackage = topPackages.has(imported) || allowedImports.has(imported);
  const allowed =
    isApp(member) || topPackages.has(name) ? isPackage : allowedImports.get(name)?.includes(imported);
  return allowed ? undefined : `uses ${imported}, which is not below ${name}`;
}

/** @param {string} file */
const isTest = (file) => /\.test\.tsx?$|\.bench\.ts$|[\\/]__fixtures__[\\/]/.test(file);

/** @param {string} specifier */
const isBuiltin = (specifier) => specifier.startsWith('node:') || builtinModules.includes(specifier);
