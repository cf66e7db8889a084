// Members of a genesis ceremony with development keys, so that nothing waits for the making of keys.
import { utf8 } from '../../base/bytes.ts'
import { bls } from '../../base/crypto/bls.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { signHash } from '../../base/crypto/secp256k1.ts'
import type { Address } from '../../base/ids.ts'
import { personalMessageHash } from '../../base/protocol/recovery.ts'
import { COIN } from '../../base/units.ts'
import type { NamedPart } from '../../genesis/collect.ts'
import { type DevelopmentValidator, developmentValidator } from '../../genesis/devKeys.ts'
import { newDraft } from '../../genesis/draft.ts'
import { partText, type UnsignedPart } from '../../genesis/parts.ts'
import { type Genesis, genesisHash } from '../../genesis/schema.ts'
import { peerIdBytesFromSeed } from '../../p2p/identity.ts'

export const CEREMONY_NAMES = ['aurora', 'borealis', 'cumulus', 'dunes'] as const
export const NOW_MS = Date.UTC(2027, 0, 1)

export function draftOf(over: Partial<Parameters<typeof newDraft>[0]> = {}): Genesis {
  return newDraft({
    preset: 'dev',
    name: 'Ceremony',
    chainId: 271_828,
    timestampMs: NOW_MS,
    asset: {
      name: 'US dollar',
      symbol: 'USDX',
      decimals: 6,
      issuer: new Uint8Array(20).fill(0xa1),
      coinPriceBase: 3_028_200n,
    },
    ...over,
  })
}

/** The part of the i-th member, before it is signed: 256 H100s, a bond and coins for its operator. */
export function unsignedPart(
  draft: Genesis,
  i: number,
  member: Partial<UnsignedPart['member']> = {},
): UnsignedPart {
  const name = CEREMONY_NAMES[i] ?? `member ${i}`
  const { operator, consensusSecret, peerSeed, possessionProof } = validator(i)
  return {
    draft: genesisHash(draft),
    member: {
      operator: operator.address,
      consensusKey: bls.publicKey(consensusSecret),
      possessionProof: possessionProof(),
      peerId: peerIdBytesFromSeed(peerSeed),
      profile: {
        legalName: `${name} Ltd`,
        legalGroup: name,
        jurisdiction: 'TW',
        url: `https://${name}.example`,
        termsHash: sha256(utf8(name)),
      },
      bonds: [{ assetId: 1, amountBase: 50_000_000_000n }],
      lots: [
        {
          class: 'h100-sxm',
          devices: 256,
          deviceRoot: sha256(utf8(`devices of ${name}`)),
          region: 'tw-north',
        },
      ],
      ...member,
    },
    coins: [{ account: operator.address, amountBase: 1_000n * COIN }],
    addresses: [`/dns4/${name.replace(' ', '-')}.example/tcp/26600`],
  }
}

const validator = (i: number): DevelopmentValidator => developmentValidator(i)

/** Signs a part with the operator key of the i-th member. */
export function signed(draft: Genesis, i: number, part: UnsignedPart): NamedPart {
  const { secretKey } = validator(i).operator
  const signature = signHash(personalMessageHash(partText(draft, part)), secretKey)
  return { name: `${CEREMONY_NAMES[i] ?? i}.json`, part: { ...part, signature } }
}

export function partsOf(draft: Genesis, count = 4): readonly NamedPart[] {
  return Array.from({ length: count }, (_, i) => signed(draft, i, unsignedPart(draft, i)))
}

export const operatorAddress = (i: number): Address => validator(i).operator.address
