/**
 * The same of the even and of the odd calibration images, by the index of the image modulo 2, so that what is fitted
 * on one half is checked on the other.
 */
export type TwoFold<T> = readonly [even: T, odd: T];
