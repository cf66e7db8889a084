import assert from 'node:assert/strict'
import { WebSocketProvider } from 'ethers'
import { createPublicClient, type Hex, keccak256, parseEther, toHex as quantity, webSocket } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { checksumAddress } from '../../base/address.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { developmentAccounts } from '../../genesis/devKeys.ts'
import { DEVNET_ASSET_ID, DEVNET_CHAIN_ID } from '../../genesis/devnet.ts'
import { assetAddress } from '../../state/modules/assets/ledger.ts'
import { followChain } from '../support/chainFollower.ts'
import { type RunningDevnet, startLocalDevnet } from '../support/devnetHarness.ts'
import { sendAll, signTransfers } from '../support/hotWallet.ts'
import { call } from '../support/jsonRpc.ts'
import { ethers5Wallet, wagmiWallet, web3Wallet } from '../support/moreWallets.ts'
import { Random } from '../support/random.ts'
import { verifiesAcrossASetChange } from '../support/verifyCommand.ts'
import {
  castWallet,
  type EnvelopeType,
  ethersWallet,
  type Mined,
  viemWallet,
  type WalletLibrary,
} from '../support/wallets.ts'

const KEYS = developmentAccounts().map(({ secretKey }) => toHex(secretKey))
const ADDRESSES = developmentAccounts().map(({ address }) => checksumAddress(address) as Hex)
const TRANSFER_EMITTER = '0xfffffffffffffffffffffffffffffffffffffffe'
const TRANSFER_TOPIC = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
const HASH = /^0x[0-9a-f]{64}$/
const SENT_BASE = parseEther('1.5')

/** Unused addresses. */
function stranger(i: number): Hex {
  return `0x${'5e'.repeat(18)}${i.toString(16).padStart(4, '0')}`
}

describe('wallets on a running devnet', function () {
  this.timeout(60_000)
  let devnet: RunningDevnet
  const libraries: WalletLibrary[] = []
  const wallet = (name: string): WalletLibrary => libraries.find((library) => library.name === name)!

  before(async () => {
    devnet = await startLocalDevnet()
    const [first, second, third, fourth] = devnet.rpcUrls as [string, string, string, string]
    // The libraries use different validators: all must serve what one accepts.
    libraries.push(viemWallet(first), ethersWallet(second), castWallet(third))
    libraries.push(ethers5Wallet(fourth), web3Wallet(first), wagmiWallet(second, DEVNET_CHAIN_ID))
  })
  after(async () => {
    for (const library of libraries) library.close()
    await devnet.stop()
  })

  for (const [i, name] of ['viem', 'ethers', 'cast', 'ethers 5', 'web3.js 4', '@wagmi/core'].entries()) {
    describe(name, () => {
      // The fourth account's nonces are those of the refusals below.
      const account = i < 3 ? i : i + 1
      const key = KEYS[account]!
      const from = ADDRESSES[account]!

      it('reads chain id, balance and fee data', async () => {
        const library = wallet(name)
        assert.equal(await library.chainId(), DEVNET_CHAIN_ID)
        assert.equal(await library.balance(from), parseEther('10000'))
        assert.equal(await library.balance(stranger(0)), 0n)
        const { maxFeePerGas, tip } = await library.fees()
        assert.ok(tip > 0n && maxFeePerGas > tip)
      })

      // The envelopes are the chain's affair: three libraries send all of them, the others the usual one.
      for (const type of i < 3 ? ([2, 1, 0] as const) : ([2] as const)) {
        it(`sends a type-${type} transfer; value and fee move exactly`, async () => {
          const to = stranger(10 * (i + 1) + type)
          const mined = await movesExactly(wallet(name), { key, from, to, type })
          await hasStrictShapes(devnet.rpcUrls[3]!, mined.hash, type)
        })
      }

      it('runs a native action by its ABI', async () => {
        const library = wallet(name)
        const to = [stranger(10 * (i + 1) + 5), stranger(10 * (i + 1) + 6)] as const
        const calls = to.map((address, at) => ({ to: address, value: BigInt(at + 1), data: '0x' as Hex }))
        const mined = await library.batch({ key, calls })
        assert.deepEqual({ type: mined.type, status: mined.status }, { type: 2, status: 1 })
        assert.deepEqual([await library.balance(to[0]), await library.balance(to[1])], [1n, 2n])
      })

      it('imports a token', async () => {
        const address = toHex(assetAddress(DEVNET_ASSET_ID)) as Hex
        const token = await wallet(name).token({ address, holder: from })
        assert.deepEqual(token, { symbol: 'devUSD', decimals: 6, balanceBase: 100_000_000_000n })
      })
    })
  }

  async function movesExactly(
    library: WalletLibrary,
    { key, from, to, type }: { key: Hex; from: Hex; to: Hex; type: EnvelopeType },
  ): Promise<Mined> {
    const before = { from: await library.balance(from), to: await library.balance(to) }
    const nonce = await library.nonce(from)
    const mined = await library.transfer({ key, to, valueBase: SENT_BASE, type })
    assert.match(mined.hash, HASH)
    assert.deepEqual({ type: mined.type, status: mined.status }, { type, status: 1 })
    // 21,000 and, for the access list, one address (EIP-2930).
    assert.ok(type === 1 ? mined.gasUsed >= 21_000n : mined.gasUsed === 21_000n)
    const feeBase = mined.gasUsed * mined.effectiveGasPrice
    assert.ok(feeBase > 0n)
    assert.equal(await library.balance(to), before.to + SENT_BASE)
    assert.equal(await library.balance(from), before.from - SENT_BASE - feeBase)
    assert.equal(await library.nonce(from), nonce + 1)
    return mined
  }

  async function hasStrictShapes(url: string, hash: Hex, type: EnvelopeType): Promise<void> {
    // A block final at one validator may still be committing at another.
    const chain = await followChain(url.replace('http', 'ws'))
    const ask = () => call<Record<string, unknown> | null>(url, 'eth_getTransactionReceipt', [hash])
    const receipt = await chain.until(async () => (await ask()) ?? undefined)
    await chain.close()
    const receiptFields = [
      ...['blockHash', 'blockNumber', 'contractAddress', 'cumulativeGasUsed', 'effectiveGasPrice', 'from'],
      ...['gasUsed', 'logs', 'logsBloom', 'status', 'to', 'transactionHash', 'transactionIndex', 'type'],
    ]
    assert.deepEqual(Object.keys(receipt).sort(), receiptFields)
    assert.equal(receipt.contractAddress, null)
    const [log, ...others] = receipt.logs as Record<string, unknown>[]
    assert.equal(others.length, 0)
    const logFields = ['address', 'blockHash', 'blockNumber', 'blockTimestamp', 'data', 'logIndex', 'removed']
    assert.deepEqual(
      Object.keys(log!).sort(),
      [...logFields, 'topics', 'transactionHash', 'transactionIndex'].sort(),
    )
    assert.equal(log!.address, TRANSFER_EMITTER)
    assert.equal(BigInt(log!.data as string), SENT_BASE)
    const sent = await call<Record<string, unknown>>(url, 'eth_getTransactionByHash', [hash])
    const common = [
      ...[
        'blockHash',
        'blockNumber',
        'blockTimestamp',
        'chainId',
        'from',
        'gas',
        'gasPrice',
        'hash',
        'input',
      ],
      ...['nonce', 'r', 's', 'to', 'transactionIndex', 'type', 'v', 'value'],
    ]
    const more = {
      0: [],
      1: ['accessList', 'yParity'],
      2: ['accessList', 'yParity', 'maxFeePerGas', 'maxPriorityFeePerGas'],
    }
    assert.deepEqual(Object.keys(sent).sort(), [...common, ...more[type]].sort())
    assert.equal(sent.type, quantity(type))
    const block = await call<Record<string, unknown>>(url, 'eth_getBlockByHash', [receipt.blockHash, false])
    const blockFields = [
      ...['baseFeePerGas', 'difficulty', 'extraData', 'gasLimit', 'gasUsed', 'hash', 'logsBloom', 'miner'],
      ...['mixHash', 'nonce', 'number', 'parentHash', 'receiptsRoot', 'sha3Uncles', 'size', 'stateRoot'],
      ...['timestamp', 'transactions', 'transactionsRoot', 'uncles'],
    ]
    assert.deepEqual(Object.keys(block).sort(), blockFields)
    assert.deepEqual(block.transactions, [hash])
  }

  describe('refusals', () => {
    const key = KEYS[3]!
    const from = ADDRESSES[3]!
    const to = stranger(99)
    const account = privateKeyToAccount(key)
    const chainId = DEVNET_CHAIN_ID
    const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n, gas: 21_000n }
    const sign = (fields: object): Promise<Hex> =>
      account.signTransaction({ chainId, nonce: 1, to, value: 1n, ...fees, ...fields } as never)

    /** State that a rejection must not change. */
    const picture = async (): Promise<unknown> => {
      const url = devnet.rpcUrls[0]!
      const of = (address: Hex) =>
        Promise.all([
          call(url, 'eth_getBalance', [address, 'latest']),
          call(url, 'eth_getTransactionCount', [address, 'latest']),
          call(url, 'eth_getTransactionCount', [address, 'pending']),
        ])
      return { from: await of(from), to: await of(to) }
    }

    before(async () => {
      await wallet('viem').transfer({ key, to: stranger(98), valueBase: 1n, type: 2 })
    })

    const blobHash = `0x01${'00'.repeat(31)}` as Hex
    const legacy = { maxFeePerGas: undefined, maxPriorityFeePerGas: undefined, gasPrice: 10n ** 10n }
    const cases: readonly (readonly [string, () => Promise<Hex>, RegExp])[] = [
      ['a wrong chain id', () => sign({ chainId: 1 }), /invalid chain id for signer/i],
      ['a low nonce', () => sign({ nonce: 0 }), /nonce too low/i],
      [
        'too little balance',
        () => sign({ value: parseEther('10001') }),
        /insufficient funds for gas \* price \+ value/i,
      ],
      [
        'unprotected legacy',
        () => sign({ type: 'legacy', chainId: undefined, ...legacy }),
        /only replay-protected \(EIP-155\) transactions allowed over RPC/i,
      ],
      [
        'type 3',
        () => sign({ type: 'eip4844', maxFeePerBlobGas: 1n, blobVersionedHashes: [blobHash] }),
        /transaction type not supported/i,
      ],
      [
        'a creation',
        () => sign({ to: undefined, data: '0x600a', gas: 100_000n }),
        /contract creation is not supported/i,
      ],
      ['too little gas', () => sign({ gas: 20_999n }), /intrinsic gas too low/i],
    ]
    for (const [what, make, message] of cases) {
      it(`rejects ${what} from each library without side effects`, async () => {
        const before = await picture()
        const raw = await make()
        for (const library of libraries) await assert.rejects(library.publish(raw), message, library.name)
        assert.deepEqual(await picture(), before)
      })
    }

    it('accepts a nonce gap, rejects an underpriced replacement, and executes both once the gap is filled', async () => {
      const url = devnet.rpcUrls[0]!
      const nonce = await wallet('viem').nonce(from)
      const raw = await sign({ nonce: nonce + 1, value: 7n })
      await wallet('viem').publish(raw)
      const before = await picture()
      await assert.rejects(wallet('viem').publish(raw), /already known/)
      const dearer = { maxFeePerGas: fees.maxFeePerGas + 1n, maxPriorityFeePerGas: 10n ** 9n + 1n }
      const replacement = await sign({ nonce: nonce + 1, value: 8n, ...dearer })
      await assert.rejects(wallet('viem').publish(replacement), /replacement transaction underpriced/)
      assert.deepEqual(await picture(), before)
      const filled = await call<{ blockNumber: Hex; status: Hex }>(url, 'eth_sendRawTransactionSync', [
        await sign({ nonce, value: 5n }),
      ])
      assert.equal(filled.status, '0x1')
      const client = createPublicClient({ transport: webSocket(devnet.wsUrl) })
      const receipt = await client.waitForTransactionReceipt({ hash: keccak256(raw) })
      assert.equal(receipt.status, 'success')
      assert.equal(await wallet('viem').nonce(from), nonce + 2)
      assert.equal(await wallet('viem').balance(to), 12n)
      ;(await client.transport.getRpcClient()).close()
    })
  })

  describe('subscriptions', () => {
    const to = stranger(7)

    it('sends viem new heads and logs over WebSocket', async () => {
      const client = createPublicClient({ transport: webSocket(devnet.wsUrl) })
      const heads: bigint[] = []
      const stops: (() => void)[] = []
      const seen = new Promise<{ hash: Hex; height: bigint }>((resolve, reject) => {
        stops.push(client.watchBlocks({ onBlock: ({ number }) => heads.push(number), onError: reject }))
        stops.push(
          client.watchEvent({
            address: TRANSFER_EMITTER,
            onLogs: ([log]) => resolve({ hash: log!.transactionHash!, height: log!.blockNumber! }),
            onError: reject,
          }),
        )
      })
      // Responses arrive in order: both subscriptions are active once this one is back.
      await client.getBlockNumber()
      const mined = await wallet('viem').transfer({ key: KEYS[4]!, to, valueBase: 3n, type: 2 })
      const log = await seen
      assert.equal(log.hash, mined.hash)
      assert.ok(heads.includes(log.height))
      for (const stop of stops) stop()
      ;(await client.transport.getRpcClient()).close()
    })

    it('sends ethers new heads and logs over WebSocket', async () => {
      const provider = new WebSocketProvider(devnet.wsUrl, DEVNET_CHAIN_ID)
      try {
        const heads: number[] = []
        await provider.on('block', (height: number) => heads.push(height))
        const seen = new Promise<{ transactionHash: string; blockNumber: number }>((resolve) => {
          void provider.on({ address: TRANSFER_EMITTER, topics: [TRANSFER_TOPIC] }, resolve)
        })
        await provider.getBlockNumber()
        const mined = await wallet('ethers').transfer({ key: KEYS[5]!, to, valueBase: 3n, type: 2 })
        const log = await seen
        assert.equal(log.transactionHash, mined.hash)
        assert.ok(heads.includes(log.blockNumber))
      } finally {
        await provider.destroy()
      }
    })
  })

  // Before a set change makes one of the nodes a follower: all four pools must take what one is sent.
  describe('a hot wallet', () => {
    /** `SUANLI_TEST_TRANSFERS=2000` for as many as an exchange pays out at once (docs/performance.md). */
    const PER_RUN = Number(process.env.SUANLI_TEST_TRANSFERS ?? 400)
    const { secretKey } = developmentAccounts()[7]!
    const to = stranger(0x77)
    const hot = { secretKey, chainId: DEVNET_CHAIN_ID, to: fromHex(to.slice(2)) }

    for (const [i, [order, perRequest]] of (
      [
        ['in order', 1],
        ['shuffled over all of them', 1],
        ['in batches of 200', 200],
      ] as const
    ).entries()) {
      it(`sends ${PER_RUN} transfers ${order} over parallel connections: every one is included`, async () => {
        const raws = signTransfers(hot, i * PER_RUN, PER_RUN)
        const sent = order === 'shuffled over all of them' ? new Random(11).shuffled(raws) : raws
        const url = devnet.rpcUrls[i]!
        // Each node by its own blocks: the next of another may be a window away.
        const chains = await Promise.all(devnet.rpcUrls.map((rpc) => followChain(rpc.replace('http', 'ws'))))
        assert.deepEqual(await sendAll(url, sent, { perRequest, connections: 32 }), [])
        await Promise.all(
          chains.map((chain, node) =>
            chain.until(async () => {
              const at = [ADDRESSES[7], 'latest']
              const count = await call<Hex>(devnet.rpcUrls[node]!, 'eth_getTransactionCount', at)
              return Number(count) === (i + 1) * PER_RUN ? count : undefined
            }),
          ),
        )
        for (const chain of chains) await chain.close()
        assert.equal(
          BigInt(await call<Hex>(url, 'eth_getBalance', [to, 'latest'])),
          BigInt((i + 1) * PER_RUN),
        )
      })
    }
  })

  // In a separate describe, so that it runs last: one of the four validators is only a follower afterwards.
  describe('suanli verify', () => {
    it('proves balances, receipts and the supply across a set change', async () => {
      await verifiesAcrossASetChange(devnet)
    })
  })
})
