// @ts-check
// Entry of every `npm run` task. It stays in syntax that old Node versions parse, so that they get the message.
// The versions are those of `engines` in package.json: what CI runs, and what can `require` packages of ES modules.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const supported = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
if (!supported) {
  console.error(
    `CacheQuant needs Node 20.19, 22.12, or newer; this is Node ${process.versions.node} (${process.execPath}).`,
  );
  console.error(
    'Install a current version from https://nodejs.org, or switch to one with your version manager.',
  );
  process.exit(1);
}
import('./workspace/main.mjs').then(({ main }) => main(process.argv[2], process.argv.slice(3)));
