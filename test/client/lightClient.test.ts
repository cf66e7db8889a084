import assert from 'node:assert/strict'
import { utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import type { Json } from '../../base/field.ts'
import { formatBoundaryCheckpoint } from '../../base/protocol/checkpoint.ts'
import type { ProofCheck } from '../../base/protocol/finalityProof.ts'
import { recordsOf } from '../../base/record.ts'
import { parseClientState } from '../../client/clientState.ts'
import { LightClientError, type LightClientErrorCode } from '../../client/errors.ts'
import { LightClient, type Origin } from '../../client/lightClient.ts'
import type { Provider } from '../../client/provider.ts'
import { parseCheckpoint, trustGenesis } from '../../client/trust.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { entryOf, LightChain, setOf } from '../support/lightChain.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers are altered freely in tests
type Loose = any

const ALICE = sha256(utf8('alice')).slice(0, 20)
const NOBODY = sha256(utf8('nobody')).slice(0, 20)
const COINS = 5n * 10n ** 18n

/** A chain with `count` set changes, one member each, and a few blocks between them. */
function chainOf(count: number): LightChain {
  const chain = new LightChain([1, 2, 3, 4])
  chain.add({ balances: [[ALICE, COINS]], entries: [entryOf('first', true), entryOf('second', false)] })
  for (let i = 0; i < count; i++) {
    chain.add({ isCertified: false })
    chain.add({ nextSet: setOf([i + 2, i + 3, i + 4, i + 5]) })
  }
  chain.add()
  return chain
}

function clientOf(
  chain: LightChain,
  options: { readonly origin?: Origin; readonly providers?: readonly Provider[] } = {},
): LightClient {
  const [first = chain.provider(), ...others] = options.providers ?? []
  return new LightClient({
    origin: options.origin ?? { kind: 'set', trusted: chain.genesis },
    providers: [first, ...others],
    nowMs: () => 1_000_000,
  })
}

const refuses = (
  run: Promise<unknown>,
  code: LightClientErrorCode,
  check?: ProofCheck,
  what?: RegExp,
): Promise<void> =>
  assert.rejects(run, (error: LightClientError) => {
    assert.ok(error instanceof LightClientError, String(error))
    assert.deepEqual([error.code, error.check], [code, check], error.message)
    if (what !== undefined) assert.match(error.message, what)
    return true
  })

describe('client.lightClient', () => {
  it('verifies a balance from genesis across 50 set changes within two seconds of processor time', async () => {
    const chain = chainOf(50)
    const client = clientOf(chain)
    // Time of this process: others may keep the machine busy.
    const start = process.cpuUsage()
    const { balanceBase, nonce, block } = await client.balance(ALICE)
    const { user, system } = process.cpuUsage(start)
    const tookMs = (user + system) / 1_000
    assert.ok(tookMs < 2_000, `${tookMs} ms`)
    assert.deepEqual([balanceBase, nonce], [COINS, 3])
    assert.equal(block.header.height, chain.tip.header.height)
    assert.equal(block.header.epoch, 50)
    assert.deepEqual(block.signers, [51, 52, 53])
    assert.equal(block.validatorCount, 4)
    assert.equal(block.ageMs, 1_000_000 - block.header.timestampMs)
    const { changes } = await client.sync()
    assert.equal(changes, 50)
  })

  it('refuses another block at the height that it has proven, even one signed by a quorum', async () => {
    const chain = chainOf(1)
    const other = chain.fork()
    const height = chain.tip.header.height + 1
    chain.add({ balances: [[ALICE, COINS]] })
    other.add({ balances: [[ALICE, 2n * COINS]] })
    let served = chain.provider()
    const switching: Provider = { name: 'switching', request: (...asked) => served.request(...asked) }
    const client = clientOf(chain, { providers: [switching] })
    assert.equal((await client.sync()).tip.header.height, height)
    served = other.provider()
    const what = new RegExp(`block ${height} differs from the block proven before`)
    await refuses(client.sync(), 'check', 'height', what)
    await refuses(client.balance(ALICE), 'check', 'height', what)
    // The stored state remembers it too.
    const state = parseClientState(client.toJson()!)
    const later = clientOf(chain, { origin: { kind: 'state', state }, providers: [other.provider()] })
    await refuses(later.sync(), 'check', 'height', what)
  })

  it('follows more changes than fit into one answer, without proofs for epochs that keep their set', async () => {
    const chain = chainOf(70)
    for (let i = 0; i < 30; i++) chain.add({ nextSet: chain.set })
    chain.add()
    const asked: Json[] = []
    const inner = chain.provider()
    const provider: Provider = {
      name: inner.name,
      request: async (method, params) => {
        if (method === 'chain_epochProofs') asked.push(params)
        return inner.request(method, params)
      },
    }
    const { tip, changes } = await clientOf(chain, { providers: [provider] }).sync()
    assert.equal(tip.header.epoch, 100)
    assert.equal(changes, 70)
    assert.equal(asked.length, 2)
  })

  it('proves a zero balance, any record, an asset balance and the reserve', async () => {
    const chain = chainOf(2)
    const client = clientOf(chain)
    const { balanceBase, nonce } = await client.balance(NOBODY)
    assert.deepEqual([balanceBase, nonce], [0n, 0])
    assert.equal((await client.assetBalance(1, ALICE)).amountBase, 0n)
    const { value } = await client.record(recordsOf(accountsSchema).account, { address: ALICE })
    assert.deepEqual(value, { nonce: 3, balanceBase: COINS })
    const { reserve, block } = await client.reserve()
    assert.equal(reserve.supplyBase, 10n ** 24n)
    assert.equal(block.hash, (await client.sync()).tip.hash)
  })

  it('verifies receipts of any epoch since the origin', async () => {
    const chain = chainOf(3)
    const late = entryOf('late', true)
    chain.add({ entries: [late] })
    const client = clientOf(chain)
    const first = await client.receipt(entryOf('second', false).id)
    assert.deepEqual(first?.receipt, entryOf('second', false).receipt)
    assert.deepEqual([first?.block.header.height, first?.index], [1, 1])
    assert.deepEqual(first?.block.signers, [1, 2, 3])
    assert.equal((await client.receipt(late.id))?.block.header.epoch, 3)
    assert.equal(await client.receipt(sha256(utf8('unknown')) as Uint8Array), undefined)
    // A later session stores only the current set; the steps from the origin are proven again.
    const kept = parseClientState(client.toJson()!)
    const again = clientOf(chain, { origin: { kind: 'state', state: kept } })
    assert.equal((await again.receipt(entryOf('first', true).id))?.receipt.succeeded, true)
  })

  it("continues from an earlier session's state", async () => {
    const chain = chainOf(3)
    const client = clientOf(chain)
    await client.sync()
    const kept = JSON.parse(JSON.stringify(client.toJson())) as Json
    chain.add({ nextSet: setOf([9, 10, 11, 12, 13]) })
    chain.add()
    const methods: Json[] = []
    const inner = chain.provider()
    const provider: Provider = {
      name: 'later',
      request: (method, params) => {
        methods.push([method, params.fromEpoch ?? null])
        return inner.request(method, params)
      },
    }
    const state = parseClientState(kept, chain.genesisHash)
    const later = clientOf(chain, { origin: { kind: 'state', state }, providers: [provider] })
    const { tip, changes } = await later.sync()
    assert.deepEqual(methods[0], ['chain_epochProofs', 3])
    assert.deepEqual([tip.header.epoch, tip.validatorCount, changes], [4, 5, 4])
    for (const [alter, what] of [
      [{ version: 9 }, /version 9/],
      [{ genesisHash: `0x${'11'.repeat(32)}` }, /of the chain 0x11/],
      [{ extra: 1 }, /unknown field/],
      [
        { current: { ...(kept as Loose).current, height: 0, epoch: 0 }, origin: (kept as Loose).current },
        /back/,
      ],
    ] as const) {
      const altered = { ...(kept as Loose), ...alter } as Json
      assert.throws(() => parseClientState(altered, chain.genesisHash), what)
    }
  })

  it('proves a boundary while it is the newest block', async () => {
    const chain = chainOf(2)
    chain.add({ nextSet: setOf([7, 8, 9, 10]) })
    const client = clientOf(chain)
    const { block } = await client.balance(ALICE)
    assert.deepEqual([block.header.epoch, block.signers], [2, [3, 4, 5]])
    const state = parseClientState(client.toJson()!)
    const again = clientOf(chain, { origin: { kind: 'state', state } })
    assert.equal((await again.sync()).tip.hash, block.hash)
    chain.add()
    assert.deepEqual((await again.balance(ALICE)).block.signers, [7, 8, 9])
  })

  it('starts from a checkpoint and returns the next one', async () => {
    const chain = chainOf(4)
    const { header, certificate, nextSet } = chain.proofs.get(1)!
    const client = clientOf(chain)
    await client.sync()
    assert.equal(client.checkpoint()?.epoch, 3)
    const text = formatBoundaryCheckpoint({
      genesisHash: chain.genesisHash,
      epoch: 1,
      hash: chain.kept[5]!.block.hash,
    })
    const checkpoint = parseCheckpoint(text)
    const started = clientOf(chain, { origin: { kind: 'checkpoint', checkpoint } })
    assert.equal(started.toJson(), undefined)
    assert.equal((await started.balance(ALICE)).balanceBase, COINS)
    assert.equal((await started.sync()).changes, 2)
    assert.deepEqual(started.checkpoint(), client.checkpoint())
    // Nothing before the checkpoint can be proven from it.
    await refuses(started.receipt(entryOf('first', true).id), 'check', 'epoch')
    const wrong = { ...checkpoint, hash: chain.tip.hash }
    await refuses(
      clientOf(chain, { origin: { kind: 'checkpoint', checkpoint: wrong } }).sync(),
      'check',
      'genesis',
    )
    const unknown = { ...checkpoint, epoch: 77 }
    await refuses(clientOf(chain, { origin: { kind: 'checkpoint', checkpoint: unknown } }).sync(), 'provider')
    chain.proofs.set(1, { header, certificate })
    await refuses(
      clientOf(chain, { origin: { kind: 'checkpoint', checkpoint } }).sync(),
      'check',
      'nextSetHash',
    )
    assert.notEqual(nextSet, undefined)
    // A liar could sign everything after the checkpoint with a set of its own.
    chain.proofs.set(1, { header, certificate, nextSet: setOf([6, 7, 8, 9]) })
    await refuses(
      clientOf(chain, { origin: { kind: 'checkpoint', checkpoint } }).sync(),
      'check',
      'nextSetHash',
    )
    for (const malformed of ['', 'x', `${text}:1`, text.replace(':1:', ':-1:'), text.slice(0, -1)]) {
      assert.throws(() => parseCheckpoint(malformed), /a checkpoint is/)
    }
  })

  it('accepts a genesis document only with the expected hash', () => {
    for (const document of [null, {}, { name: 'x' }, []] as readonly Json[]) {
      const result = trustGenesis(document)
      assert.equal(result.ok ? 'accepted' : result.failure.check, 'encoding')
    }
  })

  it('reports the check that an altered answer fails', async () => {
    const chain = chainOf(3)
    const other = chain.fork()
    other.add({ balances: [[ALICE, COINS * 2n]] })
    const foreign = (await other.provider().request('chain_stateProof', {
      keys: ['0x0101'.concat(Buffer.from(ALICE).toString('hex'))],
    })) as Loose
    const cases: readonly (readonly [string, (answer: Loose) => Loose, ProofCheck])[] = [
      ['chain_epochProofs', (a) => ({ ...a, proofs: a.proofs.slice(1) }), 'setHash'],
      ['chain_epochProofs', (a) => ({ ...a, proofs: [a.proofs[0], ...a.proofs] }), 'epoch'],
      ['chain_epochProofs', (a) => ({ ...a, proofs: a.proofs.slice(0, -1) }), 'setHash'],
      ['chain_epochProofs', (a) => ({ ...a, proofs: ['0x00'] }), 'encoding'],
      ['chain_epochProofs', (a) => ({ ...a, proofs: 'none' }), 'encoding'],
      ['chain_epochProofs', (a) => ({ ...a, proofs: Array(65).fill(a.proofs[0]) }), 'encoding'],
      ['chain_epochProofs', (a) => ({ ...a, nextEpoch: -1 }), 'encoding'],
      ['chain_epochProofs', () => null, 'encoding'],
      ['chain_stateProof', (a) => ({ ...a, certificate: null }), 'digest'],
      ['chain_stateProof', (a) => ({ ...a, header: foreign.header }), 'digest'],
      ['chain_stateProof', (a) => ({ ...a, proof: foreign.proof }), 'state'],
      ['chain_stateProof', (a) => ({ ...a, proof: [{ ...a.proof[0], value: null }] }), 'state'],
      ['chain_stateProof', (a) => ({ ...a, proof: [{ ...a.proof[0], key: '0x0101' }] }), 'state'],
      ['chain_stateProof', (a) => ({ ...a, proof: [] }), 'encoding'],
      ['chain_stateProof', (a) => ({ ...a, proof: [{ ...a.proof[0], bytes: '0x' }] }), 'state'],
      ['chain_stateProof', (a) => ({ ...a, proof: [{ ...a.proof[0], bytes: 7 }] }), 'encoding'],
      ['chain_stateProof', () => 'balance', 'encoding'],
    ]
    for (const [altered, alter, check] of cases) {
      const provider = chain.provider('liar', (method, answer) =>
        method === altered ? (alter(answer) as Json) : answer,
      )
      await refuses(clientOf(chain, { providers: [provider] }).balance(ALICE), 'check', check)
    }
  })

  it('rejects a newest block below the proven height', async () => {
    const chain = chainOf(1)
    const stale = chain.fork()
    chain.add()
    const shown = { chain }
    const provider: Provider = {
      name: 'stale',
      request: (method, params) => shown.chain.provider().request(method, params),
    }
    const client = clientOf(chain, { providers: [provider] })
    await client.balance(ALICE)
    shown.chain = stale
    await refuses(client.balance(ALICE), 'check', 'height', /already proven/)
    shown.chain = chain
    assert.equal((await client.balance(ALICE)).balanceBase, COINS)
    // Even the first answer is compared with the proven set changes.
    const old = (await chain.provider().request('chain_certificate', { block: 1 })) as Json
    const hiding = chain.provider('hiding', (method, answer) =>
      method === 'chain_certificate' ? old : answer,
    )
    await refuses(
      clientOf(chain, { providers: [hiding] }).sync(),
      'check',
      'height',
      /block 3 is already proven/,
    )
  })

  it('stops asking a provider that claims endless epochs', async () => {
    const chain = chainOf(1)
    let asked = 0
    const endless = chain.provider('endless', (method, answer) => {
      if (method !== 'chain_epochProofs') return answer
      asked++
      return { proofs: [], nextEpoch: asked, epoch: Number.MAX_SAFE_INTEGER }
    })
    await refuses(clientOf(chain, { providers: [endless] }).sync(), 'provider', undefined, /without proofs/)
    assert.equal(asked, 65)
    const stuck = chain.provider('stuck', (method, answer) =>
      method === 'chain_epochProofs' ? { proofs: [], nextEpoch: 0, epoch: 5 } : answer,
    )
    await refuses(clientOf(chain, { providers: [stuck] }).sync(), 'provider', undefined, /without proofs/)
  })
})
