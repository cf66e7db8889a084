// A short version of `npm run test:kill` for every change; test/faults/main.ts is the full run.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { killAllAtOnce, killOneByOne, twoDown } from './scenarios.ts'
import { Trial } from './trial.ts'

describe('devnet.kill', function () {
  // Mostly waiting, for processes to start and for random moments; slow machines need more time.
  this.timeout(180_000)
  this.slow(60_000)

  const seed = Number(process.env.SUANLI_TEST_SEED ?? Date.now() % 1_000_000_000)
  const lines = [`seed ${seed}`]
  let dataDir: string
  let trial: Trial | undefined

  before(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'suanli-kill-'))
  })

  afterEach(async function () {
    if (this.currentTest?.isPassed()) rmSync(dataDir, { recursive: true, force: true })
    else {
      await trial?.abandon()
      lines.push(`again with SUANLI_TEST_SEED=${seed}; data and logs are in ${dataDir}`)
      process.stderr.write(`${lines.join('\n')}\n`)
    }
  })

  it('keeps every receipt and never double-votes while one, two or all validators are killed at once', async () => {
    trial = await Trial.begin({
      dataDir,
      seed,
      validators: 4,
      blockTimeMs: 100,
      accounts: 20,
      perSecond: 30,
      print: (line) => void lines.push(line),
    })
    await killOneByOne(trial, 2)
    await killAllAtOnce(trial, 1)
    await twoDown(trial, 1_000)
    await trial.finish()
    const figures = trial.summary()
    assert.equal(figures.kills, 2 + 4 + 2)
    assert.ok(figures.transactionsWithReceipt! > 100, 'clients were shown receipts')
    assert.ok(figures.votesAudited! > 100, 'votes were audited')
  })
})
