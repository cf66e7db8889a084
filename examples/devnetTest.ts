// A test of your own against a chain of its own: four validators on free ports, gone when the test is.
//   npx mocha devnetTest.ts
import assert from 'node:assert/strict'
import { createDevnet, type Devnet } from 'suanli/devnet'
import { createWalletClient, http, parseEther, publicActions } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

// #region test
describe('a shop that takes coins', function () {
  this.timeout(60_000)
  let devnet: Devnet
  before(async () => {
    devnet = await createDevnet({ isInProcess: true, logLevel: 'warn' })
  })
  after(() => devnet?.close())

  const pay = async (coins: string): Promise<bigint> => {
    const [customer, shop] = devnet.accounts
    const account = privateKeyToAccount(customer!.privateKey)
    const client = createWalletClient({ account, transport: http(devnet.rpcUrl) }).extend(publicActions)
    const hash = await client.sendTransaction({ to: shop!.address, value: parseEther(coins), chain: null })
    await client.waitForTransactionReceipt({ hash, pollingInterval: 100 })
    return await client.getBalance({ address: shop!.address })
  }

  it('is paid', async () => {
    assert.equal(await pay('2.5'), parseEther('10002.5'))
  })

  it('is paid while a validator is down', async () => {
    await devnet.stopValidator(3)
    assert.equal(await pay('1'), parseEther('10003.5'))
    await devnet.startValidator(3)
  })
})
// #endregion
