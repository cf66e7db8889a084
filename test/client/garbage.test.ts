// A provider may answer anything: the client reports what is wrong, throws nothing else, and keeps its state.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { toHex } from '../../base/bytes.ts'
import type { Json } from '../../base/field.ts'
import { parseClientState } from '../../client/clientState.ts'
import { LightClientError } from '../../client/errors.ts'
import { LightClient } from '../../client/lightClient.ts'
import { parseCheckpoint, trustGenesis } from '../../client/trust.ts'
import { entryOf, LightChain, setOf } from '../support/lightChain.ts'

const METHODS = ['chain_epochProofs', 'chain_certificate', 'chain_stateProof', 'tx_receiptProof'] as const
const ALICE = new Uint8Array(20).fill(1)

/** The answer with one nested value replaced. */
function graft(answer: Json, path: readonly number[], value: Json): Json {
  if (answer === null || typeof answer !== 'object' || path.length === 0) return value
  const [first, ...rest] = path as [number, ...number[]]
  if (Array.isArray(answer)) {
    if (answer.length === 0) return value
    const at = first % answer.length
    return answer.map((item: Json, i) => (i === at ? graft(item, rest, value) : item))
  }
  const names = Object.keys(answer)
  if (names.length === 0) return value
  const name = names[first % names.length]!
  const record = answer as { readonly [name: string]: Json }
  return { ...record, [name]: graft(record[name]!, rest, value) }
}

describe('client, answered with garbage', () => {
  const entry = entryOf('entry', true)
  const chain = new LightChain([1, 2, 3, 4])
  chain.add({ balances: [[ALICE, 5n]], entries: [entry] })
  chain.add({ nextSet: setOf([2, 3, 4, 5]) })
  chain.add()

  it('throws LightClientError or returns a true answer', async () => {
    let refused = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...METHODS),
        fc.array(fc.nat(20), { maxLength: 4 }),
        fc.oneof(fc.jsonValue(), fc.uint8Array({ maxLength: 200 }).map(toHex)),
        async (method, path, value) => {
          const provider = chain.provider('garbage', (asked, answer) =>
            asked === method ? graft(answer, path, value as Json) : answer,
          )
          const origin = { kind: 'set', trusted: chain.genesis } as const
          const client = new LightClient({ origin, providers: [provider] })
          const calls = [
            async () => assert.equal((await client.sync()).tip.header.height, 3),
            async () => assert.equal((await client.balance(ALICE)).balanceBase, 5n),
            async () =>
              assert.deepEqual((await client.receipt(entry.id))?.receipt ?? entry.receipt, entry.receipt),
          ]
          for (const call of calls) {
            try {
              await call()
            } catch (error) {
              assert.ok(error instanceof LightClientError, String((error as Error).stack))
              refused++
            }
          }
          assert.ok(parseClientState(client.toJson()!).current.epoch <= 1)
        },
      ),
      { numRuns: 150 },
    )
    assert.ok(refused > 50, `${refused} refused`)
  })

  it('rejects malformed checkpoints, documents and stored states', () => {
    const origin = { kind: 'set', trusted: chain.genesis } as const
    const kept = new LightClient({ origin, providers: [chain.provider()] }).toJson()!
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.array(fc.nat(20), { maxLength: 4 }),
        fc.string(),
        (value, path, text) => {
          assert.equal(trustGenesis(value as Json).ok, false)
          assert.throws(() => parseCheckpoint(text), LightClientError)
          try {
            parseClientState(graft(kept, path, value as Json), chain.genesisHash)
          } catch (error) {
            assert.ok(error instanceof LightClientError, String((error as Error).stack))
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})
