// A store that a disk has damaged: it says so, or goes on from an earlier whole state; it never makes up a third thing.
import { strict as assert } from 'node:assert'
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { utf8 } from '../../base/bytes.ts'
import { sha256 } from '../../base/crypto/hash.ts'
import { NO_USAGE } from '../../client/redemption/usage.ts'
import { GatewayStore } from '../../gateway/store/gatewayStore.ts'
import { GatewayStoreError } from '../../gateway/store/storeError.ts'
import { Random } from '../support/random.ts'
import { GENESIS } from './door.ts'

const OWNER = { genesis: GENESIS, provider: new Uint8Array(20).fill(1) }
const ID = { redemptionId: 1, assignment: 0 }
const LINES = 60
const headAfter = (lines: number) => sha256(utf8(`head ${lines}`))

describe('gateway: a damaged store', () => {
  const folder = mkdtempSync(join(tmpdir(), 'suanli-gateway-store-'))
  const whole = join(folder, 'whole')

  before(async () => {
    // Opened twice: what the first one wrote is in a table, the rest in the log.
    for (const half of [0, 1]) {
      const store = await GatewayStore.open(whole, OWNER)
      for (let i = 1; i <= LINES / 2; i++) await write(store, (half * LINES) / 2 + i)
      await store.close()
    }
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  function write(store: GatewayStore, lineCount: number): Promise<void> {
    const meteredBase = BigInt(lineCount) * 10n
    const standing = {
      ...ID,
      window: 1,
      voucheredBase: meteredBase,
      signature: new Uint8Array(65),
      meteredBase,
    }
    const head = headAfter(lineCount)
    const line = { sequence: lineCount, atMs: 1, model: 'tiny', ...NO_USAGE, costBase: 10n, meteredBase }
    return store.write({ ...standing, lineCount, head, horizonBase: meteredBase }, { line, head })
  }

  /** Lines of the store, or why it does not open. */
  async function read(path: string): Promise<number | 'Corrupt'> {
    let store: GatewayStore
    try {
      store = await GatewayStore.open(path, OWNER)
    } catch (error) {
      assert.ok(error instanceof GatewayStoreError, `${error}`)
      assert.equal(error.code, 'Corrupt')
      return 'Corrupt'
    }
    try {
      const [standing] = await store.standings()
      if (standing === undefined) return 0
      const lines = await store.lines(ID, 1, 2 * LINES)
      assert.deepEqual(
        lines.map(({ line }) => line.sequence),
        Array.from({ length: standing.lineCount }, (_, i) => i + 1),
      )
      assert.deepEqual(lines.at(-1)!.head, headAfter(standing.lineCount))
      assert.equal(standing.voucheredBase, BigInt(standing.lineCount) * 10n)
      return standing.lineCount
    } finally {
      await store.close()
    }
  }

  it('cut off at any byte of any file, it opens as it was before, or says that it is damaged', async () => {
    // Of a copy: opening it writes its log into a table.
    cpSync(whole, join(folder, 'copy'), { recursive: true })
    assert.equal(await read(join(folder, 'copy')), LINES)
    const random = new Random(14)
    const seen = new Set<number | 'Corrupt'>()
    const names = readdirSync(join(whole, 'meter')).filter(
      (name) => statSync(join(whole, 'meter', name)).size > 0 && !/^LOG/.test(name),
    )
    for (let i = 0; i < 60; i++) {
      const path = join(folder, `cut-${i}`)
      cpSync(whole, path, { recursive: true })
      const file = join(path, 'meter', random.pick(names))
      truncateSync(file, random.between(0, statSync(file).size - 1))
      seen.add(await read(path))
      rmSync(path, { recursive: true })
    }
    assert.ok(seen.has('Corrupt'), `${[...seen]}`)
    assert.ok(
      [...seen].some((count) => typeof count === 'number' && count > 0 && count < LINES),
      `${[...seen]}`,
    )
  }).timeout(60_000)
})
