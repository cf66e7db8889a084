// What a node does where the native cryptography is missing. Owns: the decision. Not: which runs (base/crypto/backends.ts).
import { type CryptoBackend, slowCryptoText } from '../base/crypto/backends.ts'
import { OperatorError } from '../base/errors.ts'

/**
 * A warning for the log, or undefined. A validator that verifies 20 times slower misses its views and delays every other
 * one, so it must be told to start: throws OperatorError.
 */
export function checkCrypto(
  backends: readonly CryptoBackend[],
  node: { readonly isValidator: boolean; readonly isSlowAllowed: boolean },
): string | undefined {
  const slow = slowCryptoText(backends)
  if (slow === undefined) return undefined
  if (node.isValidator && !node.isSlowAllowed) {
    throw new OperatorError(
      `${slow}. A validator needs it: install the packages for this platform (npm ci), or start with --allow-slow-crypto`,
    )
  }
  return slow
}
