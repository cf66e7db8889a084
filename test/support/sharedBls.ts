// Real BLS for many nodes in one process: what one of them has verified, the others need not pair again. The result is the
// same, and most of a simulation's time is saved. Not for measurements of a node's own work.
import { bytesKey } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import type { Bls } from '../../base/crypto/types.ts'
import { RecentMap } from '../../base/recentMap.ts'

const RESULTS_MAX = 8_192
const results = new RecentMap<boolean>(RESULTS_MAX)

function remembered(parts: readonly Uint8Array[], verify: () => boolean): boolean {
  const key = parts.map((part) => `${part.length}:${bytesKey(part)}`).join('/')
  const known = results.get(key)
  if (known !== undefined) return known
  const result = verify()
  results.set(key, result)
  return result
}

export const sharedBls: Bls = {
  ...bls,
  verify: (publicKey, message, signature) =>
    remembered([publicKey, message, signature], () => bls.verify(publicKey, message, signature)),
  verifyAggregate: (publicKeys, message, signature) =>
    remembered([message, signature, ...publicKeys], () =>
      bls.verifyAggregate(publicKeys, message, signature),
    ),
}
