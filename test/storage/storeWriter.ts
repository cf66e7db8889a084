// Child process of the crash test: commits in an endless loop and reports each height once it is durable.
import { openChainStore } from '../../storage/chainStore.ts'
import { FakeChain } from '../support/chainFixtures.ts'

const BLOCKS_MAX = 10_000

const dir = process.argv[2]
if (dir === undefined) throw new Error('usage: storeWriter <dir>')
const store = await openChainStore(dir)
const chain = new FakeChain()
for (let i = 0; i < BLOCKS_MAX; i++) {
  await store.commit([chain.step({ count: 400, range: 2000, transactions: 20 })])
  process.send?.(i)
}
