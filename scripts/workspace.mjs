// @ts-check
// Entry of every `npm run` task. It stays in syntax that old Node versions parse, so that they get the message.
const major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  console.error(
    `CacheQuant needs Node 20 or newer; this is Node ${process.versions.node} (${process.execPath}).`,
  );
  console.error(
    'Install a current version from https://nodejs.org, or switch to one with your version manager.',
  );
  process.exit(1);
}
import('./workspace/main.mjs').then(({ main }) => main(process.argv[2], process.argv.slice(3)));
