import assert from 'node:assert/strict'
import ics23 from '@confio/ics23'
import { equalBytes, fromHex, toHex } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { moduleAddress } from '../../base/moduleDefinition.ts'
import { headerSchema } from '../../base/protocol/header.ts'
import { EXISTENCE_PROOF_SPEC, verifyStateProof } from '../../base/protocol/stateProof.ts'
import { validatorSetHash, validatorSetSchema } from '../../base/protocol/validators.ts'
import { certificateSchema, certificateSigners } from '../../base/protocol/vote.ts'
import { selectorOf } from '../../base/selector.ts'
import { accountsSchema } from '../../state/modules/accounts/schema.ts'
import { accountsTables } from '../../state/modules/accounts/tables.ts'
import { evidenceCalldata } from '../../state/modules/evidence/calldata.ts'
import { addressOf, CHAIN, COIN } from '../support/chainHarness.ts'
import { accountOf } from '../support/fakeBackend.ts'
import { type Loose, type Served, serve } from '../support/rpcHarness.ts'
import { signed } from '../support/sign.ts'

const alice = accountOf('alice')
const carol = accountOf('carol')

/** Verifies an answer as an independent verifier does: header ← certificate, key and value ← header. */
function verify(answer: Loose): void {
  const headerBytes = fromHex(answer.header.bytes)
  const header = headerSchema.decode(headerBytes)
  assert.deepEqual(headerSchema.toJson(header), answer.header.fields)
  assert.equal(toHex(sha256(headerBytes)), answer.header.hash)
  let certified = answer.header.hash
  for (const child of answer.certificate.path) {
    assert.equal(child.fields.parentHash, certified)
    certified = toHex(sha256(fromHex(child.bytes)))
  }
  const certificate = certificateSchema.decode(fromHex(answer.certificate.bytes))
  assert.equal(toHex(certificate.subject.digest!), certified)
  assert.equal(certificateSigners(certificate, 4)?.length, 3)
  assert.ok(answer.proof.length > 0)
  for (const { key, value, bytes } of answer.proof) {
    const claim = {
      key: fromHex(key),
      value: value === null ? undefined : fromHex(value),
      proof: fromHex(bytes),
    }
    assert.ok(verifyStateProof({ root: header.stateRoot, ...claim }))
    assert.ok(!verifyStateProof({ root: header.parentHash, ...claim }))
  }
}

describe('rpc.native', () => {
  let served: Served
  before(async () => {
    served = await serve()
    served.backend.fund([alice, carol], 50n * COIN)
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })
  const ask = (method: string, params: Loose = []): Promise<Loose> => served.call(method, params)

  it('chain_fees names each lane with its fee, its room and the next fee', async () => {
    const { height, lanes } = (await ask('chain_fees')) as Loose
    assert.equal(height, served.backend.head().header.height)
    assert.deepEqual(
      lanes.map(({ lane }: Loose) => lane),
      ['general', 'redemption', 'service', 'proof'],
    )
    const { baseFeePerGas, gasLimit } = served.backend.head().header
    assert.equal(lanes[0].baseFeePerGas, baseFeePerGas.toString())
    assert.deepEqual(
      lanes.map(({ gasMax }: Loose) => gasMax),
      [50, 15, 10, 25].map((percent) => (gasLimit * percent) / 100),
    )
    for (const lane of lanes) assert.equal(lane.tipPerGas, '1000000000')
  })

  it('returns identity and tip', async () => {
    const info = await ask('chain_info')
    assert.equal(info.chainId, 7357)
    assert.equal(info.height, 1)
    assert.equal(info.hash, toHex(served.backend.head().hash))
    assert.equal(info.coin.symbol, 'ACPC')
    assert.deepEqual(await ask('chain_genesis'), { chainId: 7357 })
    const health = await ask('node_health')
    assert.equal(health.live, true)
    assert.equal(health.peerCount, 3)
    assert.equal(health.loopLagMaxMs, 12)
    assert.equal(health.syncing, null)
  })

  it('lists evidence with a transaction that any account may send', async () => {
    assert.deepEqual(await ask('chain_evidence'), [])
    const bytes = new Uint8Array([1, 2, 3])
    const item = { kind: 'doubleNotarize', epoch: 3, view: 9, providers: [2], bytes } as const
    served.backend.pendingEvidence = [item]
    const [told] = await ask('chain_evidence')
    assert.deepEqual([told.fault, told.epoch, told.view, told.providers], ['doubleNotarize', 3, 9, [2]])
    assert.equal(told.transaction.to, '0x7375616e6c69000000000000000000000000000f')
    assert.equal(told.transaction.data, toHex(evidenceCalldata(bytes)))
    served.backend.pendingEvidence = []
  })

  it('proves a balance to our verifier and to an independent ICS-23 verifier', async () => {
    const address = toHex(alice.address)
    const answer = await ask('account_balance', { address, proof: true })
    assert.deepEqual(answer.value, { balanceBase: (50n * COIN).toString(), nonce: 0 })
    verify(answer)
    const [{ key, value, bytes }] = answer.proof
    const stored = accountsTables.account.decode(fromHex(value))
    assert.equal(stored.balanceBase, 50n * COIN)
    const proof = ics23.ics23.CommitmentProof.decode(fromHex(bytes))
    const root = fromHex(answer.header.fields.stateRoot)
    assert.ok(
      ics23.verifyMembership(proof, EXISTENCE_PROOF_SPEC as never, root, fromHex(key), fromHex(value)),
    )
    const wrong = fromHex(value)
    wrong[wrong.length - 1]! ^= 1
    assert.ok(!ics23.verifyMembership(proof, EXISTENCE_PROOF_SPEC as never, root, fromHex(key), wrong))
  })

  it('proves absence of an account, and a balance at an older height with a path', async () => {
    const nobody = toHex(addressOf('nobody at all'))
    const absent = await ask('account_balance', { address: nobody, proof: true })
    assert.deepEqual(absent.value, { balanceBase: '0', nonce: 0 })
    assert.equal(absent.proof[0].value, null)
    verify(absent)
    served.backend.mine()
    const older = await ask('account_balance', { address: toHex(alice.address), proof: true, atBlock: 1 })
    assert.equal(older.header.fields.height, 1)
    assert.equal(older.certificate.path.length, 1)
    verify(older)
  })

  it('omits the proof by default, at any available block', async () => {
    const address = toHex(alice.address)
    const balance = { balanceBase: (50n * COIN).toString(), nonce: 0 }
    assert.deepEqual(await ask('account_balance', [address]), balance)
    assert.deepEqual(await ask('account_balance', { address, atBlock: 0 }), { balanceBase: '0', nonce: 0 })
    assert.deepEqual(await ask('account_get', [address]), { ...balance, pendingNonce: 0 })
    await assert.rejects(
      ask('account_balance', { address, proof: true, atBlock: 'pending' }),
      /only finalized/,
    )
    await assert.rejects(ask('account_balance', { address, atBlock: 99 }), /header not found/)
    await assert.rejects(ask('account_balance', { address, atBlock: -1 }), /expected a height/)
  })

  it('derives a method from every module query', async () => {
    const { methods } = await ask('rpc.discover')
    const names = new Set(methods.map((m: Loose) => m.name))
    for (const { definition } of CHAIN.modules) {
      for (const query of Object.keys(definition.queries)) assert.ok(names.has(`${definition.name}_${query}`))
    }
    const address = toHex(alice.address)
    const plain = await ask('accounts_balance', { address })
    assert.deepEqual(plain, { balanceBase: (50n * COIN).toString(), nonce: 0 })
    const proven = await ask('accounts_balance', { address, proof: true })
    assert.deepEqual(proven.value, plain)
    verify(proven)
    assert.equal(await ask('accounts_supply'), (10n ** 24n).toString())
    assert.equal(await ask('assets_asset', { asset: 77 }), null)
    await assert.rejects(
      ask('accounts_balance', { address: '0x12' }),
      /argument 0 \(address\): expected 20 bytes/,
    )
    await assert.rejects(ask('assets_asset', {}), /missing value for required argument 0 \(asset\)/)
  })

  it('returns blocks, headers, certificates, validators and the reserve', async () => {
    const head = served.backend.head()
    const header = await ask('chain_header')
    assert.equal(header.hash, toHex(head.hash))
    assert.ok(equalBytes(headerSchema.encode(head.header), fromHex(header.bytes)))
    assert.equal(await ask('chain_header', [999]), null)
    assert.equal(await ask('chain_block', [999]), null)
    const block = await ask('chain_block', { block: 1, hydrated: true })
    assert.equal(block.transactions.length, 2)
    assert.equal(block.transactions[0].receipt.succeeded, true)
    assert.equal((await ask('chain_block', [1])).transactions[0].receipt, undefined)
    assert.equal((await ask('chain_certificate', [0])).certificate, null)
    assert.equal((await ask('chain_certificate', [1])).certificate.path.length, 1)
    await assert.rejects(ask('chain_certificate', [999]), /block 999 is above the latest, \d+/)
    await assert.rejects(ask('chain_certificate', [`0x${'11'.repeat(32)}`]), /header for hash not found/)
    const validators = await ask('chain_validators')
    assert.equal(validators.set.validators.length, 4)
    const set = validatorSetSchema.fromJson(validators.set)
    assert.equal(validators.setHash, toHex(validatorSetHash(set)))
    const { reserve } = await ask('chain_reserve')
    assert.equal(reserve.supplyBase, head.header.reserve.supplyBase.toString())
  })

  it('returns the status of a transaction and why it failed', async () => {
    const unknown = await ask('tx_status', [`0x${'12'.repeat(32)}`])
    assert.equal(unknown.status, 'unknown')
    served.backend.automine = false
    const hash = await ask('eth_sendRawTransaction', [signed(alice)])
    const pending = await ask('tx_status', [hash])
    assert.equal(pending.status, 'pending')
    assert.equal(pending.missingNonce, null)
    served.backend.mine()
    const included = await ask('tx_status', [hash])
    assert.equal(included.status, 'included')
    assert.equal(included.succeeded, true)
    assert.equal(included.sentence, 'transfer succeeded')
    const to = moduleAddress(accountsSchema)
    const raw = signed(alice, {
      nonce: 1,
      to,
      valueBase: 0n,
      gasLimit: 200_000,
      data: selectorOf('batch', accountsSchema.actions.batch.args),
    })
    const failedHash = await ask('eth_sendRawTransaction', [raw])
    served.backend.mine()
    const failed = await ask('tx_status', [failedHash])
    assert.equal(failed.succeeded, false)
    assert.equal(failed.action, 'accounts.batch')
    assert.equal(failed.failure.name, 'MalformedCalldata')
    assert.match(failed.sentence, /^accounts\.batch failed: malformed calldata/)
    await ask('eth_sendRawTransaction', [signed(alice, { nonce: 2 })])
    const price = { maxFeePerGas: 20n * 10n ** 9n, maxPriorityFeePerGas: 2n * 10n ** 9n }
    const replaced = await ask('eth_sendRawTransaction', [signed(carol)])
    await ask('eth_sendRawTransaction', [signed(carol, price)])
    const dropped = await ask('tx_status', [replaced])
    assert.equal(dropped.status, 'dropped')
    assert.equal(dropped.reason, 'replaced')
    assert.equal(dropped.sentence, 'dropped: another transaction with the same nonce pays more')
    served.backend.mine()
    served.backend.automine = true
  })

  it('returns its OpenRPC document', async () => {
    const document = await ask('rpc.discover')
    assert.equal(document.openrpc, '1.3.2')
    const names = document.methods.map((m: Loose) => m.name)
    assert.deepEqual(names, names.toSorted())
    for (const method of document.methods) {
      assert.ok(method.summary.length > 0)
      assert.equal(typeof method.result.schema, 'object')
    }
    assert.ok(names.includes('rpc.discover'))
  })
})
