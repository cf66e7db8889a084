// A member's part of a genesis document, signed by its operator account. Owns: the shape, what is signed, its check.
// Not: joining the parts (collect.ts), the file (cli/genesis/files.ts).

import { checksumAddress, recoverAddress } from '../base/address.ts'
import { concatBytes, equalBytes, toHex, utf8 } from '../base/bytes.ts'
import { bls } from '../base/crypto/bls.ts'
import { sha256 } from '../base/crypto/hash.ts'
import type { Hash32 } from '../base/ids.ts'
import { personalMessageHash } from '../base/protocol/recovery.ts'
import { message, t } from '../base/schema.ts'
import { checkProfile } from './check.ts'
import { GenesisError } from './error.ts'
import { type Genesis, genesisHash, genesisProviderSchema } from './schema.ts'

/** Accounts that a member may give coins to in genesis. */
export const PART_COINS_MAX = 64
/** Addresses at which the others reach a member's node. */
export const PART_ADDRESSES_MAX = 8
const ADDRESS_CHARS_MAX = 256
const NO_SIGNATURE = new Uint8Array(65)

export const genesisPartSchema = message('GenesisPart', {
  /** Genesis hash of the draft that the part is for. */
  draft: t.hash,
  member: genesisProviderSchema,
  /** Coins minted against the member's own capacity. */
  coins: t.list(message('GenesisPartCoins', { account: t.address, amountBase: t.amount }), PART_COINS_MAX),
  /** Multiaddrs without the peer id; not part of genesis. */
  addresses: t.list(t.text(ADDRESS_CHARS_MAX), PART_ADDRESSES_MAX),
  /** The operator account's EIP-191 signature of `partText`, r ‖ s ‖ yParity. */
  signature: t.fixed(65),
})
export type GenesisPart = ReturnType<typeof genesisPartSchema.decode>
export type UnsignedPart = Omit<GenesisPart, 'signature'>

const PART_TAG = utf8('suanli.genesis.part.v1')

/** SHA-256 of a part's canonical bytes without its signature. */
export function partHash(part: UnsignedPart): Hash32 {
  return sha256(concatBytes(PART_TAG, genesisPartSchema.encode({ ...part, signature: NO_SIGNATURE })))
}

/** What the operator account signs; any wallet can show and sign it. */
export function partText(draft: Genesis, part: UnsignedPart): string {
  return [
    'Suanli genesis: my part of a network',
    `network ${draft.name}, chain id ${draft.chainId}`,
    `draft ${toHex(part.draft)}`,
    `member ${part.member.profile.legalName}`,
    `part ${toHex(partHash(part))}`,
  ].join('\n')
}

/** Checks that a part is for this draft, and that key and operator stand behind it. Throws GenesisError, path `name`. */
export function checkPart(draft: Genesis, part: GenesisPart, name: string): void {
  const hash = genesisHash(draft)
  if (!equalBytes(part.draft, hash)) {
    throw new GenesisError(
      name,
      `made for the draft ${toHex(part.draft)}, this one is ${toHex(hash)}: make it again with add-member`,
    )
  }
  const { operator, consensusKey, possessionProof, profile } = part.member
  // Before the signature: a name with a line feed would add lines to the text that is signed.
  checkProfile(`${name} member.profile`, profile)
  const signer = recoverAddress(personalMessageHash(partText(draft, part)), part.signature)
  if (signer === undefined || !equalBytes(signer, operator)) {
    const found = signer === undefined ? 'no account' : checksumAddress(signer)
    throw new GenesisError(
      name,
      `the signature is of ${found}, expected the operator ${checksumAddress(operator)}: something was changed after signing`,
    )
  }
  if (!bls.verifyProof(consensusKey, possessionProof)) {
    throw new GenesisError(`${name} member.possessionProof`, 'does not prove possession of consensusKey')
  }
}
