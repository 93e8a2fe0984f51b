// @ts-check
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from '../workspace/build.mjs';
import { toolEnvironment } from '../workspace/environment.mjs';
import { runPnpmInstall } from '../workspace/install.mjs';
import { npmCommand } from '../workspace/npm.mjs';
import { inRoot, root } from '../workspace/paths.mjs';
import { mustSucceed } from '../workspace/phase.mjs';
import { bringPnpm } from '../workspace/pnpm.mjs';
import { exitOnSignals } from '../workspace/signals.mjs';
import {
  emptyProject,
  npmInstall,
  runCommandLine,
  typescriptVersion,
  useFromJavaScript,
  useFromTypeScript,
} from './consumers.mjs';
import { commonVersion, inspectPublished, publishAll, registryUser } from './publish.mjs';
import { buildWheel, findPython, pythonUser, useWheel } from './python.mjs';
import { startRegistry } from './registry.mjs';
import { copyRepository, raiseVersions } from './repository-copy.mjs';
import { Steps } from './steps.mjs';

// Outside of the repository, so that nothing is found in its node_modules by accident.
const workFolder = realpathSync(mkdtempSync(path.join(tmpdir(), 'cachequant-release-')));
process.once('exit', () => rmSync(workFolder, { recursive: true, force: true, maxRetries: 5 }));
exitOnSignals();

const copy = path.join(workFolder, 'repository');
const pnpm = await bringPnpm();
const env = { ...toolEnvironment(pnpm.commandFolder), CI: '1' };
const steps = new Steps();

await steps.run('copy the repository', () => copyRepository(copy, env));
await steps.run('install', () => runPnpmInstall(pnpm, copy));
await steps.run('changeset version', () => raiseVersions(copy, env));
await steps.run('build', () => build(pnpm, copy));
const registry = await steps.run('start a registry', async () => {
  const [command, args] = npmCommand(['config', 'get', 'registry']);
  const answer = await mustSucceed('npm config get registry', command, args, { cwd: root, env });
  const upstream = answer.trim().split('\n').at(-1) ?? '';
  return startRegistry(path.join(workFolder, 'registry'), { upstream, env });
});
const url = registry?.url ?? '';
const user = registryUser(path.join(workFolder, 'npm'), url, env);
await steps.run('publish', () => publishAll(pnpm, copy, url, user));
await steps.check('one version for all', async () => commonVersion(copy));
await steps.check('published manifests', () => inspectPublished(copy, url));

const library = emptyProject(path.join(workFolder, 'library-user'), user);
await steps.run('npm install @cachequant/scheduler', () => npmInstall(library, '@cachequant/scheduler'));
await steps.check('import it in JavaScript', () => useFromJavaScript(library));
await steps.check('import it in TypeScript', async () => {
  await npmInstall(library, `typescript@${typescriptVersion()}`);
  return useFromTypeScript(library);
});

const application = emptyProject(path.join(workFolder, 'command-line-user'), user);
await steps.run('npm install cachequant', () => npmInstall(application, 'cachequant'));
await steps.check('npx cachequant --help', () => runCommandLine(application, ['--help']));
await steps.check('npx cachequant inspect', () =>
  runCommandLine(application, ['inspect', inRoot('models/tiny/dit')]),
);

const python = await findPython(env);
if ('reason' in python) steps.skip('python: build and use the wheel', python.reason);
else {
  const person = await steps.check('python -m venv', () =>
    pythonUser(python.command, path.join(workFolder, 'python-user'), env),
  );
  const wheel =
    person && (await steps.check('build the wheel', () => buildWheel(person, copy, commonVersion(copy))));
  if (wheel) await steps.check('pip install it, draw a picture', () => useWheel(person, wheel));
}

registry?.stop();
console.log(steps.table());
process.exit(steps.failed ? 1 : 0);
