// Guards of the signer: durable before given out, whole or lost, epochs and losses by proof alone.
import { type Edit, editsOf } from '../edit.ts'

const file = editsOf('signer/signerFile.ts', [
  [
    'signerFile.sync',
    '    await this.#segment.datasync()\n',
    '',
    'gives out votes that a power loss forgets',
  ],
  [
    'signerFile.mark',
    'this.#mark.write({ sequence: this.#sequence, count, chain, batch }),',
    '',
    'a record that was cut is taken without a word',
  ],
  [
    'signerFile.missingMark',
    "if (mark === 'none') {",
    'if (false) {',
    'a record without its mark counts as whole',
  ],
  [
    'signerFile.order',
    'if (head.sequence !== last.sequence)',
    'if (false)',
    'takes an older segment for the newest',
  ],
  [
    'signerFile.key',
    'if (!equalBytes(head.publicKey, owner.publicKey)) {',
    'if (false) {',
    "takes another key's record",
  ],
  [
    'signerFile.chain',
    'const fits = equalBytes(chainHash(frames.slice(0, count).map(bytesOf)), chain)',
    'const fits = true',
    'takes a record with other contents',
  ],
])

const mark = editsOf('signer/signerMark.ts', [
  [
    'signerMark.sync',
    '    await this.#file.datasync()\n',
    '',
    'after a power loss a cut is no longer noticed',
  ],
])

const trust = editsOf('signer/signerTrust.ts', [
  ['loss.nonce', 'if (!contains(transaction, loss.nonce)) {', 'if (false) {', 'any transaction ends a loss'],
  ['loss.proof', 'if (!proven.ok) return', 'if (false) return', 'a loss ends without a proof'],
  [
    'loss.sameEpoch',
    'epoch <= loss.resumeAfter)',
    'epoch < loss.resumeAfter)',
    'signs again in an epoch in which the lost record has votes',
  ],
])

const local = editsOf('signer/localSigner.ts', [
  [
    'localSigner.proof',
    '    if (!result.ok) return result.reason\n',
    '',
    'follows a boundary that nobody signed',
  ],
  [
    'localSigner.jump',
    'if (this.#trusted.epoch === epoch) return undefined',
    'return undefined',
    'begins an epoch that nothing proves',
  ],
  [
    'localSigner.served',
    '      if (epoch !== this.#trusted.epoch) return false\n',
    '',
    'a client begins any epoch over the wire',
  ],
])

export const SIGNER_GUARDS: readonly Edit[] = [...file, ...mark, ...trust, ...local]
