// Altering any byte of any proof never makes the verifier accept a false statement.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { keyBytes, utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { SchemaError } from '../../base/field.ts'
import { epochProofSchema, verifyEpochProof } from '../../base/protocol/epochProof.ts'
import { finalityProofSchema, verifyFinality } from '../../base/protocol/finalityProof.ts'
import { receiptProofSchema, verifyReceiptProof } from '../../base/protocol/receiptProof.ts'
import { verifyStateProof } from '../../base/protocol/stateProof.ts'
import { recordsOf } from '../../base/record.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { entryOf, LightChain, setOf } from '../support/lightChain.ts'

const addressOf = (i: number) => sha256(utf8(`holder ${i}`)).slice(0, 20)
const entries = Array.from({ length: 5 }, (_, i) => entryOf(`entry ${i}`, i % 2 === 0))

async function proofs() {
  const chain = new LightChain([1, 2, 3, 4])
  const balances = Array.from({ length: 9 }, (_, i) => [addressOf(i), BigInt(i + 1)] as const)
  chain.add({ balances, entries, isCertified: false })
  chain.add()
  chain.add({ nextSet: setOf([2, 3, 4, 5]) })
  const { genesis } = chain
  const { header } = chain.kept[1]!.block
  const { headers: path, certificate } = chain.finalityOf(1)!
  const finality = { header, path: [...path], certificate }
  const bytesOf = (answer: unknown): Uint8Array =>
    new Uint8Array(Buffer.from((answer as { bytes: string }).bytes.slice(2), 'hex'))
  const receipt = bytesOf(
    await chain
      .provider()
      .request('tx_receiptProof', { hash: `0x${Buffer.from(entries[3]!.id).toString('hex')}` }),
  )
  const accepts = <T>(schema: { decode(bytes: Uint8Array): T }, verify: (proof: T) => { ok: boolean }) => {
    return (bytes: Uint8Array): boolean => {
      try {
        return verify(schema.decode(bytes)).ok
      } catch (error) {
        assert.ok(error instanceof SchemaError, String(error))
        return false
      }
    }
  }
  const key = (i: number) => keyBytes(recordsOf(accountsSchema).account.key({ address: addressOf(i) }))
  const stateOf = async (i: number) => {
    const answer = (await chain.provider().request('chain_stateProof', {
      keys: [`0x${Buffer.from(key(i)).toString('hex')}`],
    })) as { proof: { value: string | null; bytes: string }[] }
    return answer.proof[0]!
  }
  const root = chain.tip.header.stateRoot
  const present = await stateOf(4)
  const value = bytesOf({ bytes: present.value! })
  const absent = await stateOf(99)
  return {
    'epoch proof': [
      epochProofSchema.encode(chain.proofs.get(0)!),
      accepts(epochProofSchema, (proof) => verifyEpochProof(genesis, proof)),
    ],
    'finality proof': [
      finalityProofSchema.encode(finality),
      accepts(finalityProofSchema, (proof) => verifyFinality(genesis, proof)),
    ],
    'receipt proof': [
      receipt,
      accepts(receiptProofSchema, (proof) => verifyReceiptProof(genesis, entries[3]!.id, proof)),
    ],
    'presence proof': [
      bytesOf(present),
      (proof: Uint8Array) => verifyStateProof({ root, key: key(4), value, proof }),
    ],
    'absence proof': [
      bytesOf(absent),
      (proof: Uint8Array) => verifyStateProof({ root, key: key(99), value: undefined, proof }),
    ],
    value: [
      value,
      (altered: Uint8Array) =>
        verifyStateProof({ root, key: key(4), value: altered, proof: bytesOf(present) }),
    ],
  } as const satisfies Record<string, readonly [Uint8Array, (bytes: Uint8Array) => boolean]>
}

describe('protocol proofs, altered', () => {
  it('fail at every byte', async () => {
    for (const [what, [bytes, accepts]] of Object.entries(await proofs())) {
      assert.ok(accepts(bytes), `the ${what} itself`)
      for (let at = 0; at < bytes.length; at++) {
        const altered = bytes.with(at, bytes[at]! ^ (1 << (at & 7)))
        assert.equal(accepts(altered), false, `${what}, byte ${at} of ${bytes.length}`)
      }
    }
  })

  it('fail cut, extended, spliced and with several bytes changed', async () => {
    const all = Object.entries(await proofs())
    fc.assert(
      fc.property(
        fc.nat(all.length - 1),
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
        fc.constantFrom('flip', 'cut', 'extend', 'drop', 'double'),
        (which, changes, how) => {
          const [what, [bytes, accepts]] = all[which]!
          const [[first, mask]] = changes as [[number, number]]
          const at = first % bytes.length
          const altered = {
            flip: () => {
              const out = bytes.slice()
              for (const [place, bits] of changes) out[place % bytes.length]! ^= bits
              return out
            },
            cut: () => bytes.slice(0, at),
            extend: () => new Uint8Array([...bytes, mask]),
            drop: () => new Uint8Array([...bytes.slice(0, at), ...bytes.slice(at + 1)]),
            double: () => new Uint8Array([...bytes.slice(0, at + 1), ...bytes.slice(at)]),
          }[how]()
          const isSame = altered.length === bytes.length && altered.every((byte, i) => byte === bytes[i])
          if (!isSame) assert.equal(accepts(altered), false, `${what}: ${how} at ${at}`)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('do not prove a transaction at another index', async () => {
    const chain = new LightChain([1, 2, 3, 4])
    chain.add({ entries })
    const ask = async (i: number) => {
      const hash = `0x${Buffer.from(entries[i]!.id).toString('hex')}`
      const { bytes } = (await chain.provider().request('tx_receiptProof', { hash })) as { bytes: string }
      return receiptProofSchema.decode(new Uint8Array(Buffer.from(bytes.slice(2), 'hex')))
    }
    const all = await Promise.all(entries.map((_, i) => ask(i)))
    for (const i of [2, 4]) {
      const mine = all[i]!
      for (const [j, other] of all.entries()) {
        const mixed = { ...mine, receipt: other.receipt, receiptPath: other.receiptPath }
        const id = entries[i]!.id
        assert.equal(
          verifyReceiptProof(chain.genesis, id, mixed).ok,
          i === j,
          `${i} with the receipt of ${j}`,
        )
        for (let count = 0; count < 7; count++) {
          for (let index = 0; index < 7; index++) {
            const isTrue = index === i && count === entries.length && i === j
            const result = verifyReceiptProof(chain.genesis, id, { ...mixed, index, count })
            assert.equal(result.ok, isTrue, `${i} as ${index} of ${count} with the receipt of ${j}`)
          }
        }
      }
    }
  })
})
