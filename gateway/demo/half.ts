// Rounding to 16-bit floats, as llama.cpp's CPU code does with the inputs of products, and with keys and values.
// The values stay in 32-bit arrays. Not: where it rounds (forward.ts).

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** Below this a 16-bit float is a multiple of 2^-24. */
const NORMAL_MIN = 2 ** -14
/** From 0.5 to 1 a 32-bit float is a multiple of 2^-24 as well: adding this rounds. */
const SHIFT = 0.75
/** Bits that a 32-bit float has more. */
const SURPLUS = 0x1fff

/** The nearest 16-bit float, the even one of two. The exponent is not bounded: nothing in this model comes near 65,504. */
export function half(value: number): number {
  if (value < NORMAL_MIN && value > -NORMAL_MIN) return Math.fround(Math.fround(value) + SHIFT) - SHIFT
  float[0] = value
  const exact = bits[0]!
  bits[0] = (exact + 0xfff + ((exact >>> 13) & 1)) & ~SURPLUS
  return float[0]!
}

/** Rounds all of an array in place. */
export function roundToHalf(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) values[i] = half(values[i]!)
}
