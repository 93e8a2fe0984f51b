// @ts-check

/**
 * Packages that are still being written: their doc-comments may lag behind. Has to be empty before a release.
 *
 * @type {ReadonlySet<string>}
 */
export const unfinishedPackages = new Set([]);
