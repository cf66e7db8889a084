// The typed client against a served chain: queries, calls until final, and every way in which a call can fail.
import assert from 'node:assert/strict'
import { parseEventLogs } from 'viem'
import { WebSocket } from 'ws'
import { redemptionAbi } from '../../abi/redemption.ts'
import { toHex, utf8 } from '../../base/bytes.ts'
import { keccak256 } from '../../base/crypto/hash.ts'
import type { Json } from '../../base/field.ts'
import { privateKeyAccount, walletAccount } from '../../client/accounts/account.ts'
import { type Call, transfer } from '../../client/calls.ts'
import { type ChainClient, createClient } from '../../client/chainClient.ts'
import { ClientError, type ClientErrorCode } from '../../client/clientError.ts'
import { eventsOf } from '../../client/logs.ts'
import { accounts, assets, providers, redemption } from '../../client/modules.ts'
import { httpTransport } from '../../client/transports/http.ts'
import { injectedTransport } from '../../client/transports/injected.ts'
import type { Transport } from '../../client/transports/transport.ts'
import { type WebSocketTransport, webSocketTransport } from '../../client/transports/webSocket.ts'
import { addressOf, CHAIN_ID, COIN } from '../support/chainHarness.ts'
import { accountOf } from '../support/fakeBackend.ts'
import { type Served, serve } from '../support/rpcHarness.ts'

const alice = accountOf('alice')
const account = privateKeyAccount(alice.secretKey)
const stranger = addressOf('a stranger')
const eventTopic = (signature: string): string => toHex(keccak256(utf8(signature)))

async function failing(promise: Promise<unknown>, code: ClientErrorCode): Promise<ClientError> {
  let caught: unknown
  await promise.catch((error: unknown) => {
    caught = error
  })
  assert.ok(caught instanceof ClientError, String(caught))
  assert.equal(caught.code, code, caught.message)
  return caught
}

/** A transport that answers some methods itself. */
function over(
  transport: Transport,
  answers: { readonly [method: string]: (params: unknown) => Json | Promise<Json> },
): Transport {
  return {
    name: transport.name,
    request: async (method, params) =>
      Object.hasOwn(answers, method) ? answers[method]!(params) : transport.request(method, params),
  }
}

describe('client.ChainClient', () => {
  let served: Served
  let http: Transport
  let client: ChainClient
  before(async () => {
    served = await serve()
    served.backend.fund([alice], 50n * COIN)
    http = httpTransport(served.rpc.url)
    client = createClient(http)
  })
  after(async () => {
    await served.rpc.close()
    assert.deepEqual(served.logged, [])
  })
  beforeEach(() => {
    served.backend.automine = true
  })

  it('knows the chain and an account', async () => {
    assert.equal(await client.chainId(), CHAIN_ID)
    const { balanceBase, nonce, pendingNonce } = await client.account(toHex(alice.address))
    assert.deepEqual([balanceBase, nonce, pendingNonce], [50n * COIN, 0, 0])
    assert.equal((await client.account(alice.address, { atBlock: 0 })).balanceBase, 0n)
  })

  it('answers queries typed, and undefined for what is not there', async () => {
    const provider = await client.query(providers, 'provider', { id: 1 })
    assert.equal(provider?.id, 1)
    assert.ok(provider?.operator instanceof Uint8Array)
    assert.equal(await client.query(providers, 'provider', { id: 99 }), undefined)
    // @ts-expect-error there is no such query
    await failing(client.query(providers, 'nonsense', {}), 'input')
    const wrong = await failing(client.query(providers, 'provider', { id: -1 }), 'input')
    assert.match(wrong.message, /^id: /)
  })

  it('sends coins and returns the receipt of the final block', async () => {
    const receipt = await client.send(account, transfer(stranger, COIN))
    assert.equal((await client.account(stranger)).balanceBase, COIN)
    assert.deepEqual(
      [receipt.action, receipt.height, receipt.index, receipt.gasUsed],
      ['transfer', served.backend.head().header.height, 0, 21_000],
    )
    const spent = 50n * COIN - (await client.account(alice.address)).balanceBase
    assert.equal(spent, COIN + receipt.feeBase)
  })

  it('sends a batch of calls', async () => {
    const calls = [1n, 2n, 3n].map((value) => ({ to: toHex(addressOf('many')), value, data: '0x' as const }))
    const receipt = await client.send(account, accounts.batch({ calls }))
    assert.equal(receipt.action, 'accounts.batch')
    assert.equal((await client.account(addressOf('many'))).balanceBase, 6n)
  })

  it('offers for a batch what the lane of its calls costs', async () => {
    const calls = [{ to: toHex(addressOf('many')), value: 1n, data: '0x' as const }]
    const lanes = [{ lane: 'general', nextBaseFeePerGas: '7', tipPerGas: '1' }]
    // A node that finds the batch in a lane of its own price.
    const filled = { tx: { maxFeePerGas: '0x77359400', maxPriorityFeePerGas: '0x3b9aca00' } }
    const dear = createClient(
      over(http, { chain_fees: () => ({ lanes }), eth_fillTransaction: () => filled }),
    )
    const capOf = async (call: Call, tipPerGas?: bigint): Promise<Json> => {
      const options = tipPerGas === undefined ? {} : { tipPerGas }
      const hash = await dear.submit(account, call, options)
      const tx = (await dear.request('eth_getTransactionByHash', [hash])) as { readonly [name: string]: Json }
      return tx.maxFeePerGas!
    }
    assert.equal(await capOf(accounts.batch({ calls })), '0x77359400')
    assert.equal(await capOf(accounts.batch({ calls }), 0n), '0x3b9aca00')
    assert.equal(accounts.batch({ calls }).lane, undefined)
  })

  it('names the rule that would refuse a call, before anything is sent', async () => {
    const { nonce } = await client.account(alice.address)
    const refused = await failing(client.send(account, assets.redeem({ asset: 1, amountBase: 5n })), 'failed')
    assert.equal(refused.failure?.name, 'InsufficientAsset')
    assert.match(refused.message, /^InsufficientAsset\(asset=1, balanceBase=0, neededBase=5\)/)
    assert.equal(refused.transaction, undefined)
    assert.equal((await client.account(alice.address)).pendingNonce, nonce)
  })

  it('names the rule that refused a call in a block, with its arguments and the transaction', async () => {
    const blind = createClient(over(http, { eth_estimateGas: () => '0x30d40' }))
    const refused = await failing(blind.send(account, assets.redeem({ asset: 1, amountBase: 5n })), 'failed')
    assert.equal(refused.failure?.name, 'InsufficientAsset')
    assert.deepEqual(refused.failure?.arguments, { asset: 1, balanceBase: '0', neededBase: '5' })
    assert.deepEqual(await client.status(refused.transaction!), {
      status: 'included',
      sentence: refused.message,
      succeeded: false,
      failure: refused.failure,
      height: served.backend.head().header.height,
    })
  })

  it('numbers calls that are sent without waiting for each other', async () => {
    served.backend.automine = false
    const sent = [1n, 2n, 3n, 4n].map((value) => client.submit(account, transfer(addressOf('quick'), value)))
    const hashes = await Promise.all(sent)
    assert.equal(new Set(hashes).size, 4)
    served.backend.mine()
    await Promise.all(hashes.map((hash) => client.receipt(hash)))
    assert.equal((await client.account(addressOf('quick'))).balanceBase, 10n)
  })

  it('goes on after a submission of the account was refused', async () => {
    const { nonce } = await client.account(alice.address)
    const [low, next] = await Promise.allSettled([
      client.send(account, transfer(stranger, 1n), { nonce: nonce - 1 }),
      client.send(account, transfer(stranger, 1n)),
    ])
    assert.ok(low.status === 'rejected' && low.reason instanceof ClientError)
    assert.deepEqual([low.reason.code, low.reason.rpcCode], ['rpc', -32000])
    assert.match(low.reason.message, /nonce too low/)
    assert.equal(next.status, 'fulfilled')
  })

  it('says which transaction is not final in time', async () => {
    served.backend.automine = false
    const waiting = await failing(client.send(account, transfer(stranger, 1n), { timeoutMs: 50 }), 'waiting')
    assert.equal((await client.status(waiting.transaction!)).status, 'pending')
    served.backend.mine()
    assert.equal((await client.receipt(waiting.transaction!)).transaction, waiting.transaction)
  })

  it('passes on why a transaction was given up', async () => {
    const dropped = { status: 'dropped', reason: 'replaced', sentence: 'dropped: replaced' }
    const hash = `0x${'ab'.repeat(32)}`
    const error = await failing(
      createClient(over(http, { tx_status: () => dropped })).receipt(hash),
      'dropped',
    )
    assert.deepEqual([error.message, error.transaction], ['dropped: replaced', hash])
  })

  it('lets a wallet sign and submit', async () => {
    const asked: unknown[] = []
    const wallet = injectedTransport({
      request: async ({ method, params }) => {
        if (method !== 'eth_sendTransaction') return http.request(method, params as Json[])
        asked.push(params)
        return client.submit(account, transfer(stranger, 7n))
      },
    })
    const receipt = await createClient(wallet).send(walletAccount(alice.address), transfer(stranger, 7n))
    assert.equal(receipt.action, 'transfer')
    assert.deepEqual(asked, [[{ from: toHex(alice.address), to: toHex(stranger), value: '0x7', data: '0x' }]])
  })

  it('reports a wallet’s refusal with its number', async () => {
    const wallet = injectedTransport({
      request: () => Promise.reject(Object.assign(new Error('User rejected the request'), { code: 4001 })),
    })
    const refused = await failing(
      createClient(wallet).send(walletAccount(alice.address), transfer(stranger, 7n)),
      'rpc',
    )
    assert.equal(refused.rpcCode, 4001)
    const broken = injectedTransport({ request: () => Promise.reject(new Error('locked')) })
    assert.match((await failing(createClient(broken).chainId(), 'transport')).message, /locked/)
  })

  it('rejects answers of the wrong shape', async () => {
    for (const [method, answer, ask] of [
      ['eth_chainId', 'x', (c: ChainClient) => c.chainId()],
      ['account_get', { balanceBase: -1 }, (c: ChainClient) => c.account(stranger)],
      ['account_get', null, (c: ChainClient) => c.account(stranger)],
      ['providers_provider', { id: 'one' }, (c: ChainClient) => c.query(providers, 'provider', { id: 1 })],
      ['tx_status', { status: 'lost' }, (c: ChainClient) => c.status('0x00')],
      ['chain_fees', { lanes: [] }, (c: ChainClient) => c.send(account, transfer(stranger, 1n))],
    ] as const) {
      await failing(ask(createClient(over(http, { [method]: () => answer as Json }))), 'transport')
    }
  })

  it('waits for a transaction while its node is away, and names it when the node stays away', async () => {
    let silent = 3
    const away = async (method: string, params: unknown): Promise<Json> => {
      if (silent-- > 0) throw new ClientError('transport', `${method}: nobody answers`)
      return http.request(method, params as never)
    }
    const methods = ['tx_status', 'eth_getTransactionReceipt'].map((method) => [
      method,
      (params: unknown) => away(method, params),
    ])
    const restarting = createClient(over(http, Object.fromEntries(methods)))
    const { transaction } = await restarting.send(account, transfer(stranger, 1n))
    assert.equal(silent < 0, true)
    silent = Number.POSITIVE_INFINITY
    const error = await failing(restarting.receipt(transaction, { timeoutMs: 20 }), 'waiting')
    assert.equal(error.transaction, transaction)
    assert.match(error.message, /do not send it again: tx_status: nobody answers$/)
  })

  it('names a transaction that a node may have taken before it fell silent', async () => {
    const takes = async (params: unknown): Promise<Json> => {
      await http.request('eth_sendRawTransaction', params as never)
      throw new ClientError('transport', 'the connection was lost')
    }
    const cut = createClient(over(http, { eth_sendRawTransaction: takes }))
    const error = await failing(cut.send(account, transfer(stranger, 1n)), 'transport')
    assert.match(error.message, /look for it before you send it again$/)
    assert.equal((await client.receipt(error.transaction!)).action, 'transfer')
  })

  describe('over WebSocket', () => {
    let socket: WebSocketTransport
    beforeEach(() => {
      socket = webSocketTransport(served.rpc.url.replace('http', 'ws'), { WebSocket })
    })
    afterEach(() => socket.close())

    it('asks and sends as over HTTP, and hears of new blocks in order', async () => {
      const heights: number[] = []
      const heads = await socket.subscribe(['newHeads'], (head) => {
        heights.push(Number((head as { readonly number: string }).number))
      })
      const own = createClient(socket)
      const first = await own.send(account, transfer(stranger, 1n))
      const second = await own.send(account, transfer(stranger, 1n))
      await heads.unsubscribe()
      await own.send(account, transfer(stranger, 1n))
      assert.deepEqual(heights, [first.height, second.height])
    })

    it('ends requests and subscriptions when the connection is lost, and connects again', async () => {
      let ended: ClientError | undefined
      await socket.subscribe(
        ['newHeads'],
        () => undefined,
        (error) => {
          ended = error
        },
      )
      const lost = createClient(over(socket, {}))
      const asked = lost.chainId()
      socket.close()
      await failing(asked, 'transport')
      assert.equal(ended?.code, 'transport')
      assert.equal(await createClient(socket).chainId(), CHAIN_ID)
    })

    it('reports an error of the node, and an address where nobody listens', async () => {
      const error = await failing(socket.request('eth_nonsense', []), 'rpc')
      assert.equal(error.rpcCode, -32601)
      const nobody = webSocketTransport('ws://127.0.0.1:1', { WebSocket })
      await failing(nobody.request('eth_chainId', []), 'transport')
      assert.throws(() => webSocketTransport(served.rpc.url, { WebSocket }), /not a ws or wss address/)
    })
  })

  it('reads the events that viem reads', () => {
    const { definition } = redemption
    const topic = `0x${'00'.repeat(31)}`
    const logs = [
      {
        address: '0x7375616e6c690000000000000000000000000009',
        topics: [
          eventTopic('Requested(uint64,address,uint8,uint256)'),
          `${topic}07`,
          `0x${'00'.repeat(12)}${'ab'.repeat(20)}`,
        ],
        data: `0x${'00'.repeat(31)}02${'00'.repeat(31)}63`,
      },
      { address: '0x7375616e6c690000000000000000000000000001', topics: [], data: '0x' },
      { address: '0x7375616e6c690000000000000000000000000009', topics: [`${topic}01`], data: '0x' },
    ]
    const [event, ...others] = eventsOf(redemption, logs)
    assert.deepEqual(others, [])
    assert.ok(event?.name === 'Requested')
    const { id, owner, service, amountBase } = event.args
    assert.deepEqual([id, toHex(owner), service, amountBase], [7, `0x${'ab'.repeat(20)}`, 'infer', 99n])
    const [seen] = parseEventLogs({ abi: redemptionAbi, eventName: 'Requested', logs: logs as never })
    assert.deepEqual([Number(seen!.args.id), seen!.args.amountBase], [id, amountBase])
    assert.equal(definition.name, 'redemption')
  })
})
