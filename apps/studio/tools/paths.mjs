// @ts-check
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const studio = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
export const repository = path.resolve(studio, '../..');
/** The model of the site. */
export const model = path.join(repository, 'models/emoji-sd');
/** Where bundles are kept from run to run. */
export const made = path.join(repository, 'out/studio');
/** The site, ready for any static host. */
export const site = path.join(studio, 'dist');
