import { strict as assert } from 'node:assert'
import { type Hex, hashTypedData, type TypedDataDomain } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { decodeAbi } from '../../../base/abi.ts'
import { secretKeyAddress } from '../../../base/address.ts'
import { bigintToFixed, bytesToBigint, equalBytes, fromHex, toHex, utf8 } from '../../../base/bytes.ts'
import { keccak256, sha256 } from '../../../base/crypto/hash.ts'
import type { Address } from '../../../base/ids.ts'
import { selectorOf } from '../../../base/selector.ts'
import { failureReader } from '../../../state/call.ts'
import type { Log } from '../../../state/context.ts'
import { dispatcherOf, gasOf, laneOf } from '../../../state/dispatch.ts'
import { executeBlock } from '../../../state/execute.ts'
import { getAccount } from '../../../state/modules/accounts/ledger.ts'
import { accountsQueries } from '../../../state/modules/accounts/queries.ts'
import { accountsSchema, LIVE_DIGESTS_MAX, SESSION_KEYS_MAX } from '../../../state/modules/accounts/schema.ts'
import type { SignedAction } from '../../../state/modules/accounts/signedActions.ts'
import { ACCOUNTS_ADDRESS, accountsTables } from '../../../state/modules/accounts/tables.ts'
import { assetAddress, getAssetBalance } from '../../../state/modules/assets/ledger.ts'
import { erc20Schema } from '../../../state/modules/assets/schema.ts'
import { precheckKey, runPrecheck } from '../../../state/precheck.ts'
import { bytesGas } from '../../../state/transaction.ts'
import { calldata } from '../../support/calldata.ts'
import {
  addressOf,
  blockContext,
  CHAIN_ID,
  COIN,
  DOLLAR,
  LEDGER_MODULES,
  TestChain,
} from '../../support/chainHarness.ts'
import { GIVING_ADDRESS, givingModule, givingSchema } from '../../support/signedModule.ts'

/** Of secp256k1. */
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const MODULES = [...LEDGER_MODULES, givingModule]
const DOMAIN: TypedDataDomain = {
  name: 'Suanli',
  version: '1',
  chainId: CHAIN_ID,
  verifyingContract: toHex(GIVING_ADDRESS) as Hex,
}
const GIVE = [
  { name: 'from', type: 'address' },
  { name: 'asset', type: 'uint64' },
  { name: 'to', type: 'address' },
  { name: 'amountBase', type: 'uint256' },
  { name: 'memo', type: 'bytes' },
  { name: 'validBefore', type: 'uint64' },
  { name: 'nonce', type: 'uint256' },
] as const

const secret = (name: string) => sha256(utf8(`signed ${name}`))
/** `wallet` sends transactions, too, and its key is not known to the test; the others only sign. */
const accountOf = (name: string): Address =>
  name === 'wallet' ? addressOf(name) : secretKeyAddress(secret(name))
const bob = addressOf('bob')

interface Gift {
  readonly from?: string
  /** Whose key signs; default: the account's own. */
  readonly by?: string
  readonly asset?: number
  readonly amountBase?: bigint
  readonly validBefore?: number
  readonly nonce?: bigint
}

interface Signed {
  readonly action: SignedAction
  readonly signature: Uint8Array
  readonly digest: Uint8Array
}

/** A chain whose account `ann` never sends a transaction; `relay` pays the gas. */
class SignedChain {
  readonly chain = new TestChain({
    balances: { relay: 100n * COIN, wallet: 100n * COIN, operator1: COIN },
    modules: MODULES,
  })
  readonly #nonces = new Map<string, number>()
  #random = 0n

  constructor() {
    this.send('relay', { to: accountOf('ann'), valueBase: 10n * COIN })
    const dollars = calldata(erc20Schema, 'transfer', { to: accountOf('wallet'), value: 500n })
    this.send('operator1', { to: assetAddress(DOLLAR), data: dollars })
  }

  /** Unix seconds of a block this long after the last one. */
  nowS(laterMs = 100): number {
    return Math.floor((this.chain.parent.header.timestampMs + laterMs) / 1000)
  }

  send(from: string, draft: { to: Address; data?: Uint8Array; valueBase?: bigint }, laterMs = 100) {
    const nonce = this.#nonces.get(from) ?? 0
    this.#nonces.set(from, nonce + 1)
    const { header } = this.chain.parent
    const executed = this.chain.next([{ from, nonce, gasLimit: 5_000_000, ...draft }], {
      timestampMs: header.timestampMs + laterMs,
    })
    assert.deepEqual(executed.skipped, [])
    assert.deepEqual(this.chain.recount(), [])
    return executed.receipts[0]!
  }

  /** Signed by viem: an independent reading of EIP-712. */
  async sign(gift: Gift = {}): Promise<Signed> {
    const { from = 'ann', by = from, asset = 0, amountBase = COIN, validBefore = this.nowS() + 600 } = gift
    const nonce = gift.nonce ?? this.#random++
    const account = privateKeyToAccount(toHex(secret(by)) as Hex)
    const hex = (bytes: Uint8Array) => toHex(bytes) as Hex
    const typed = {
      domain: DOMAIN,
      types: { Give: GIVE },
      primaryType: 'Give',
      message: {
        from: hex(accountOf(from)),
        asset: BigInt(asset),
        to: hex(bob),
        amountBase,
        memo: '0x0102',
        validBefore: BigInt(validBefore),
        nonce,
      },
    } as const
    const args = { asset, to: bob, amountBase, memo: Uint8Array.of(1, 2) }
    const data = calldata(givingSchema, 'give', args)
    return {
      action: { to: GIVING_ADDRESS, data, from: accountOf(from), validBefore, nonce },
      signature: fromHex((await account.signTypedData(typed)).slice(2)),
      digest: fromHex(hashTypedData(typed).slice(2)),
    }
  }

  /** What `execute` says of each action: '' or the failure in words. */
  execute(signed: readonly Signed[], laterMs?: number): readonly string[] {
    const receipt = this.send('relay', { to: ACCOUNTS_ADDRESS, data: executeData(signed) }, laterMs)
    assert.equal(receipt.succeeded, true)
    return outcomesOf(receipt.logs)
  }

  check({ action, signature }: Signed) {
    const { full, parent } = this.chain
    const block = blockContext({ modules: MODULES, timestampMs: parent.header.timestampMs + 100 })
    const answer = accountsQueries.checkSigned({ state: full, block }, { action, signature })
    return { ...answer, reason: words(answer.reason) }
  }

  coins(of: Address): bigint {
    return getAccount(this.chain.full, of).balanceBase
  }
}

const words = (reason: Uint8Array): string =>
  reason.length === 0 ? '' : failureReader(MODULES).describe(reason)

function executeData(signed: readonly Signed[]): Uint8Array {
  const actions = signed.map(({ action }) => action)
  return calldata(accountsSchema, 'execute', {
    actions,
    signatures: signed.map(({ signature }) => signature),
  })
}

const EXECUTED = keccak256(utf8('Executed(address,bytes32,address,address,bool,bytes)'))

/** Of each `Executed` log: '' or the failure in words. */
function outcomesOf(logs: readonly Log[]): readonly string[] {
  return logs
    .filter((log) => equalBytes(log.address, ACCOUNTS_ADDRESS) && equalBytes(log.topics[0]!, EXECUTED))
    .map(({ data }) => {
      const [, succeeded, reason] = decodeAbi(
        [{ kind: 'address' }, { kind: 'bool' }, { kind: 'bytes' }],
        data,
      )
      assert.equal(succeeded, (reason as Uint8Array).length === 0)
      return words(reason as Uint8Array)
    })
}

/** `wallet` gives a session key the right to give. Returns the failure in words. */
function addSession(chain: SignedChain, over: Session = {}): string {
  const data = calldata(accountsSchema, 'addSessionKey', {
    key: accountOf('session'),
    actions: [{ to: GIVING_ADDRESS, selector: selectorOf('give', givingSchema.actions.give.args) }],
    spendMax: 3n * COIN,
    validBefore: chain.nowS() + 3_000,
    ...over,
  })
  return words(chain.send('wallet', { to: ACCOUNTS_ADDRESS, data }).failure)
}

type Session = { readonly [argument: string]: unknown }

describe('accounts.execute', () => {
  it('runs what viem signed for an account without any transaction of its own; the sender pays', async () => {
    const chain = new SignedChain()
    const signed = await chain.sign()
    assert.deepEqual(chain.check(signed), {
      digest: signed.digest,
      expected: accountOf('ann'),
      recovered: accountOf('ann'),
      reason: '',
    })
    const before = chain.coins(addressOf('relay'))
    assert.deepEqual(chain.execute([signed]), [''])
    assert.equal(chain.coins(bob), COIN)
    assert.equal(chain.coins(accountOf('ann')), 9n * COIN)
    assert.equal(getAccount(chain.chain.full, accountOf('ann')).nonce, 0)
    assert.ok(chain.coins(addressOf('relay')) < before)
  })

  it('isolates each action and logs its result', async () => {
    const chain = new SignedChain()
    const gifts = [{}, { amountBase: 100n * COIN }, { amountBase: 2n }]
    const signed = await Promise.all(gifts.map((gift) => chain.sign(gift)))
    assert.deepEqual(chain.execute(signed), ['', `Short(amountBase=${100n * COIN})`, ''])
    assert.equal(chain.coins(bob), COIN + 2n)
  })

  it('runs a digest once, whether the action succeeded or not, under any form of the signature', async () => {
    const chain = new SignedChain()
    const good = await chain.sign()
    const bad = await chain.sign({ amountBase: 100n * COIN })
    chain.execute([good, bad])
    const parity = good.signature.slice()
    parity[64]! -= 27
    const again = [good, { ...good, signature: parity }, bad, good]
    const used = ({ digest }: Signed) => `DigestUsed(digest=${toHex(digest)})`
    assert.deepEqual(chain.execute(again), again.map(used))
    assert.equal(chain.coins(bob), COIN)
    assert.equal(chain.check(good).reason, used(good))
  })

  it('refuses a high s, another key, a changed action and what cannot be signed', async () => {
    const chain = new SignedChain()
    const good = await chain.sign()
    const highS = good.signature.slice()
    highS.set(bigintToFixed(ORDER - bytesToBigint(good.signature.subarray(32, 64)), 32), 32)
    highS[64] = good.signature[64] === 27 ? 28 : 27
    const foreign = await chain.sign({ by: 'mallory' })
    const plain = calldata(givingSchema, 'plain', {})
    const mismatch = (recovered: Uint8Array, digest: Uint8Array) =>
      `SignerMismatch(expected=${toHex(accountOf('ann'))}, recovered=${toHex(recovered)}, digest=${toHex(digest)})`
    const changed = { ...good, action: { ...good.action, nonce: 77n } }
    const found = chain.check(changed)
    assert.ok(!equalBytes(found.recovered, accountOf('ann')))
    assert.deepEqual(
      chain.execute([
        { ...good, signature: highS },
        foreign,
        changed,
        { ...good, action: { ...good.action, data: plain } },
        { ...good, action: { ...good.action, data: good.action.data.subarray(0, 40) } },
        { ...good, action: { ...good.action, to: bob } },
      ]),
      [
        mismatch(new Uint8Array(20), good.digest),
        mismatch(accountOf('mallory'), foreign.digest),
        mismatch(found.recovered, found.digest),
        `NotSignable(to=${toHex(GIVING_ADDRESS)}, selector=${toHex(plain)})`,
        `NotSignable(to=${toHex(GIVING_ADDRESS)}, selector=${toHex(good.action.data.subarray(0, 4))})`,
        `NotSignable(to=${toHex(bob)}, selector=${toHex(good.action.data.subarray(0, 4))})`,
      ],
    )
    assert.equal(chain.coins(bob), 0n)
    assert.deepEqual(chain.execute([good]), [''])
  })

  it('takes a signature from before its time up to a day ahead', async () => {
    const chain = new SignedChain()
    const nowS = chain.nowS()
    const at = [nowS, nowS + 1, nowS + 86_400, nowS + 86_401]
    const signed = await Promise.all(at.map((validBefore) => chain.sign({ validBefore })))
    assert.deepEqual(chain.execute(signed), [
      `SignatureExpired(validBefore=${nowS}, now=${nowS})`,
      '',
      '',
      `ValidTooLong(validBefore=${nowS + 86_401}, latest=${nowS + 86_400})`,
    ])
  })

  it('keeps at most 64 digests of an account, each until it expires, and removes them all', async () => {
    const chain = new SignedChain()
    const nowS = chain.nowS()
    const of = (count: number, validBefore: number) =>
      Promise.all(Array.from({ length: count }, () => chain.sign({ amountBase: 1n, validBefore })))
    const kept = [...(await of(32, nowS + 60)), ...(await of(32, nowS + 90))]
    assert.ok(
      [...chain.execute(kept.slice(0, 32)), ...chain.execute(kept.slice(32))].every((one) => one === ''),
    )
    const [late] = await of(1, nowS + 120)
    assert.deepEqual(chain.execute([late!]), [`TooManyDigests(max=${LIVE_DIGESTS_MAX}, until=${nowS + 60})`])
    const later = chain.nowS(60_000)
    assert.deepEqual(chain.execute([late!, kept[0]!, kept[40]!], 60_000), [
      '',
      `SignatureExpired(validBefore=${nowS + 60}, now=${later})`,
      `DigestUsed(digest=${toHex(kept[40]!.digest)})`,
    ])
    assert.equal(
      accountsTables.signedDigests.mustGet(chain.chain.full, { account: accountOf('ann') }).digests.length,
      33,
    )
    // Each new digest takes two old ones with it: after 32 more, nothing expired is left of the first 64.
    const more = await Promise.all(
      Array.from({ length: 32 }, (_, i) =>
        chain.sign({ nonce: BigInt(1_000 + i), validBefore: nowS + 3_600, amountBase: 1n }),
      ),
    )
    assert.ok(chain.execute(more, 120_000).every((one) => one === ''))
    const { head, tail } = accountsTables.digestQueue.mustGet(chain.chain.full, {})
    assert.deepEqual(
      { head, tail, left: [...accountsTables.digestExpiry.entries(chain.chain.full)].length },
      { head: 65, tail: 97, left: 32 },
    )
  })

  it('costs the same whatever comes of it, and 3,500 for each signature', async () => {
    const chain = new SignedChain()
    const signed = [await chain.sign(), await chain.sign({ by: 'mallory' })]
    const call = { to: ACCOUNTS_ADDRESS, data: executeData(signed) }
    const dispatcher = dispatcherOf(MODULES, 1)
    const perAction = 9_000 + 3_500 + 10_000 + givingSchema.actions.give.gas
    assert.equal(gasOf(dispatcher, call), bytesGas(call) + 5_000 + 2 * perAction)
    assert.equal(laneOf(dispatcher, call), 'general')
    const other = {
      ...signed[0]!,
      action: { ...signed[0]!.action, data: calldata(givingSchema, 'serve', {}) },
    }
    assert.equal(laneOf(dispatcher, { ...call, data: executeData([other]) }), 'service')
    assert.equal(laneOf(dispatcher, { ...call, data: executeData([signed[0]!, other]) }), undefined)
  })

  it('needs a signature for each action, and does not nest', async () => {
    const chain = new SignedChain()
    const { action, signature } = await chain.sign()
    const failureOf = (data: Uint8Array) => {
      const receipt = chain.send('relay', { to: ACCOUNTS_ADDRESS, data })
      assert.equal(receipt.succeeded, false)
      return words(receipt.failure)
    }
    const execute = (actions: unknown[], signatures: Uint8Array[]) =>
      calldata(accountsSchema, 'execute', { actions, signatures })
    assert.equal(failureOf(execute([], [])), 'SignatureCount(actions=0, signatures=0)')
    assert.equal(failureOf(execute([action], [])), 'SignatureCount(actions=1, signatures=0)')
    const inner = { to: ACCOUNTS_ADDRESS, value: 0n, data: execute([action], [signature]) }
    assert.equal(failureOf(calldata(accountsSchema, 'batch', { calls: [inner] })), 'NestedBatch(index=0)')
  })

  it('has a result that threads may compute beforehand', async () => {
    const chain = new SignedChain()
    const data = executeData([await chain.sign(), await chain.sign({ by: 'mallory' })])
    const facts = { chainId: CHAIN_ID, definitions: MODULES.map(({ definition }) => definition) }
    const accounts = MODULES.find(({ definition }) => definition.name === 'accounts')!
    const known = new Map([[precheckKey(1, data), runPrecheck(accounts, data, facts)]])
    const { executed } = chain.chain.build([
      { from: 'relay', nonce: 1, to: ACCOUNTS_ADDRESS, data, gasLimit: 500_000 },
    ])
    let asked = 0
    const knownPrecheck = (id: number, of: Uint8Array) => {
      asked++
      return known.get(precheckKey(id, of))
    }
    const options = { chain: { ...chain.chain.chain, knownPrecheck }, senderOf: chain.chain.senderOf }
    const verified = executeBlock(chain.chain.parent, executed.block, options)
    assert.ok('executed' in verified)
    assert.equal(asked, 1)
    verified.executed.tree.release()
    executed.tree.release()
    for (const junk of [
      new Uint8Array(0),
      data.subarray(0, 100),
      calldata(accountsSchema, 'batch', { calls: [] }),
    ])
      assert.equal(runPrecheck(accounts, junk, facts).length, 0)
  })
})

describe('accounts.sessionKeys', () => {
  const SESSION = toHex(accountOf('session'))
  const GIVE_SELECTOR = selectorOf('give', givingSchema.actions.give.args)
  const bySession = (chain: SignedChain, gift: Gift = {}) =>
    chain.sign({ from: 'wallet', by: 'session', ...gift })

  it('lets a key sign the listed actions, for as many coins as the account allows', async () => {
    const chain = new SignedChain()
    assert.equal(addSession(chain), '')
    const amounts = [2n * COIN, 2n * COIN, COIN, 1n]
    const signed = await Promise.all(amounts.map((amountBase) => bySession(chain, { amountBase })))
    assert.deepEqual(chain.execute(signed), [
      '',
      `SpendLimit(key=${SESSION}, neededBase=${2n * COIN}, remainingBase=${COIN})`,
      '',
      `SpendLimit(key=${SESSION}, neededBase=1, remainingBase=0)`,
    ])
    assert.equal(chain.coins(bob), 3n * COIN)
    const { full } = chain.chain
    const block = blockContext({ modules: MODULES })
    const [known, ...others] = accountsQueries.sessionKeys(
      { state: full, block },
      { account: accountOf('wallet') },
    )
    assert.deepEqual([toHex(known!.key), known!.spentBase, others.length], [SESSION, 3n * COIN, 0])
  })

  it('lets it move nothing but coins', async () => {
    const chain = new SignedChain()
    addSession(chain)
    const [outcome] = chain.execute([await bySession(chain, { asset: DOLLAR, amountBase: 5n })])
    assert.match(
      outcome!,
      /^DebitRefused\(account=0x[0-9a-f]{40}, asset=1, reason=a session key moves coins only\)$/,
    )
    assert.equal(getAssetBalance(chain.chain.full, { asset: DOLLAR, owner: accountOf('wallet') }), 500n)
  })

  it('lets it sign no other action, nor for another account, nor after its time', async () => {
    const chain = new SignedChain()
    const validBefore = chain.nowS() + 100
    addSession(chain, { validBefore })
    const keep = { to: GIVING_ADDRESS, selector: selectorOf('keep', givingSchema.actions.keep.args) }
    const foreign = await chain.sign({ from: 'ann', by: 'session' })
    assert.match(chain.execute([foreign])[0]!, /^SignerMismatch/)
    const late = await bySession(chain, { validBefore: chain.nowS() + 200 })
    assert.deepEqual(chain.execute([late], 100_000), [
      `SessionExpired(key=${SESSION}, validBefore=${validBefore})`,
    ])
    assert.equal(addSession(chain, { actions: [keep] }), '')
    assert.deepEqual(chain.execute([await bySession(chain)]), [
      `SessionNotAllowed(key=${SESSION}, to=${toHex(GIVING_ADDRESS)}, selector=${toHex(GIVE_SELECTOR)})`,
    ])
    assert.equal(chain.coins(bob), 0n)
  })

  it('ends when the account says so', async () => {
    const chain = new SignedChain()
    addSession(chain)
    const signed = await bySession(chain)
    const key = accountOf('session')
    const remove = () =>
      words(
        chain.send('wallet', {
          to: ACCOUNTS_ADDRESS,
          data: calldata(accountsSchema, 'removeSessionKey', { key }),
        }).failure,
      )
    assert.equal(remove(), '')
    assert.match(chain.execute([signed])[0]!, /^SignerMismatch/)
    assert.equal(remove(), `UnknownSessionKey(key=${SESSION})`)
    const { full } = chain.chain
    assert.equal(accountsTables.sessionKeys.has(full, { account: accountOf('wallet') }), false)
  })

  it('checks what it is given, in a batch too', () => {
    const chain = new SignedChain()
    const wallet = accountOf('wallet')
    assert.equal(addSession(chain, { key: wallet }), `InvalidSessionKey(key=${toHex(wallet)})`)
    assert.equal(
      addSession(chain, { key: GIVING_ADDRESS }),
      `InvalidSessionKey(key=${toHex(GIVING_ADDRESS)})`,
    )
    assert.equal(addSession(chain, { actions: [] }), 'NoSessionActions()')
    const validBefore = chain.nowS()
    assert.equal(
      addSession(chain, { validBefore }),
      `SessionExpired(key=${SESSION}, validBefore=${validBefore})`,
    )
    for (const [to, selector] of [
      [GIVING_ADDRESS, selectorOf('plain', {})],
      [ACCOUNTS_ADDRESS, selectorOf('removeSessionKey', accountsSchema.actions.removeSessionKey.args)],
      [bob, GIVE_SELECTOR],
    ] as const) {
      const refused = addSession(chain, { actions: [{ to, selector }] })
      assert.equal(refused, `NotSignable(to=${toHex(to)}, selector=${toHex(selector)})`)
    }
    const actions = [{ to: GIVING_ADDRESS, selector: GIVE_SELECTOR }]
    const calls = Array.from({ length: SESSION_KEYS_MAX }, (_, i) => ({
      to: ACCOUNTS_ADDRESS,
      value: 0n,
      data: calldata(accountsSchema, 'addSessionKey', {
        key: addressOf(`key ${i}`),
        actions,
        spendMax: 1n,
        validBefore: chain.nowS() + 60,
      }),
    }))
    const batch = calldata(accountsSchema, 'batch', { calls })
    assert.equal(chain.send('wallet', { to: ACCOUNTS_ADDRESS, data: batch }).succeeded, true)
    assert.equal(addSession(chain), `TooManySessionKeys(max=${SESSION_KEYS_MAX})`)
    // Expired ones make room.
    chain.send('relay', { to: bob, valueBase: 1n }, 60_000)
    assert.equal(addSession(chain), '')
    const { full } = chain.chain
    assert.equal([...accountsTables.sessionKey.entries(full)].length, 1)
  })
})
