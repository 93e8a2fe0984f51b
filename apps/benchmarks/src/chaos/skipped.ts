/** That this machine lacks what a scenario needs. */
export class Skipped extends Error {
  override readonly name = 'Skipped';
}
