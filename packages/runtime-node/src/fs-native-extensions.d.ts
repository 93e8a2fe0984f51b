/** The package comes without types; this is what we use of it. */
declare module 'fs-native-extensions' {
  /** Requests the lock on a whole file; false when another descriptor has it, also one of this process. */
  export function tryLock(descriptor: number): boolean;
}
