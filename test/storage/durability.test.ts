// What the store promises about the disk: every change is synced, and a commit that is gone later is noticed.
import assert from 'node:assert/strict'
import { MemoryLevel } from 'memory-level'
import { openChainStore, openChainStoreOn } from '../../storage/chainStore.ts'
import { type Database, openDatabase } from '../../storage/database.ts'
import { numberKey } from '../../storage/layout.ts'
import { FakeChain, withDirectory } from '../support/chainFixtures.ts'

/** A database in memory that notes how each batch was written. */
function notingDatabase(synced: unknown[]): Database {
  const database = new MemoryLevel<Uint8Array, Uint8Array>({
    keyEncoding: 'view',
    valueEncoding: 'view',
    storeEncoding: 'view',
  }) as unknown as Database
  const begin: () => ReturnType<Database['batch']> = database.batch.bind(database)
  const batch = (): ReturnType<Database['batch']> => {
    const begun = begin()
    const write = begun.write.bind(begun)
    return Object.assign(begun, {
      write: (options?: { readonly sync: boolean }) => {
        synced.push(options?.sync)
        return write()
      },
    })
  }
  return Object.assign(database, { batch }) as unknown as Database
}

describe('storage.durability', () => {
  it('makes commits and prunings durable before it goes on', () =>
    withDirectory(async (dir) => {
      const synced: unknown[] = []
      const database = notingDatabase(synced)
      await database.open()
      const store = await openChainStoreOn(database, dir)
      const chain = new FakeChain()
      for (let i = 0; i < 4; i++) await store.commit([chain.step()])
      await store.pruneBlocks(2, 10)
      await store.close()
      assert.deepEqual(synced, [true, true, true, true, true])
    }))

  it('refuses a chain in which a commit is missing', () =>
    withDirectory(async (dir) => {
      const store = await openChainStore(dir)
      const chain = new FakeChain()
      for (let i = 0; i < 6; i++) await store.commit([chain.step()])
      await store.close()
      const database = await openDatabase(dir)
      for (const space of ['difference', 'size'] as const) await database.del(numberKey(space, 3))
      await database.close()
      await assert.rejects(openChainStore(dir), { code: 'Corrupt', message: /lacks blocks 3 to 3/ })
    }))
})
