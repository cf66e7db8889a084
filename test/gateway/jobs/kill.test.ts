// kill -9 of a gateway whose jobs run: nothing of them runs on beside the next one, work is resumed from a checkpoint and not
// metered twice, or ended and not metered further.
import { strict as assert } from 'node:assert'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Door } from '../door.ts'
import { createJob, ended, jobOf, logOf, openJobsDoor, watchEvents } from './jobsDoor.ts'

const CHILD = fileURLToPath(new URL('killChild.js', import.meta.url))

/** Counts to 40 in steps, with a checkpoint at each, and says where it began and who it is. */
const STEPS = `
  const from = env.SUANLI_RESUME ? Number(fs.readFileSync(env.SUANLI_RESUME, 'utf8')) : 0
  console.log(JSON.stringify({ pid: process.pid, from }))
  for (let step = from + 1; step <= 40; step++) {
    await sleep(50)
    fs.writeFileSync(env.SUANLI_CHECKPOINTS + '/new.partial', String(step))
    fs.renameSync(env.SUANLI_CHECKPOINTS + '/new.partial', env.SUANLI_CHECKPOINTS + '/newest')
  }
  fs.writeFileSync(env.SUANLI_OUTPUT + '/done', 'yes')`

const isRunning = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}

describe('gateway/jobs: kill -9', function () {
  this.timeout(120_000)
  let folder: string
  let child: ChildProcess
  /** The door in the other process, as far as a client sees it. */
  let remote: Door

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'suanli-jobs-kill-'))
    child = spawn(process.execPath, [CHILD, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
    remote = remoteDoor(JSON.parse(line) as { url: string; key: string })
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  async function kill(): Promise<void> {
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  it('resumes a job from its last checkpoint, and does not meter work twice', async () => {
    const { id } = await createJob(remote, STEPS)
    await watchEvents(remote, id, (message) => message === 'checkpoint newest')
    const before = await jobOf(remote, id)
    await kill()
    const door = await openJobsDoor({ folder })
    try {
      const job = await ended(door, id)
      const starts = [...(await logOf(door, id)).matchAll(/^\{"pid".*$/gm)].map(
        ([line]) => JSON.parse(line) as { pid: number; from: number },
      )
      assert.equal(job.status, 'succeeded')
      assert.equal(job.resumes, 1)
      assert.ok(before.device_ms <= job.device_ms)
      assert.equal(starts.length, 2)
      assert.equal(starts[0]!.from, 0)
      assert.ok(starts[1]!.from > 0)
      assert.equal(door.meter().meteredBase, BigInt(job.cost_base))
      assert.equal((await door.get(`/suanli/v1/jobs/${id}/outputs/output/done`)).text, 'yes')
    } finally {
      await door.close()
    }
  })

  it('ends a job without a checkpoint, with all of its processes, and meters nothing more', async () => {
    const lasts = `
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' })
      console.log(JSON.stringify({ pids: [process.pid, child.pid] }))
      fs.writeFileSync(env.SUANLI_OUTPUT + '/up', '')
      await sleep(600000)`
    const { id } = await createJob(remote, lasts)
    let log = ''
    while (!log.includes('"pids"')) log = await logOf(remote, id)
    while ((await jobOf(remote, id)).device_ms === 0) await jobOf(remote, id)
    const { pids } = JSON.parse(/^\{"pids".*$/m.exec(log)![0]) as { pids: number[] }
    await kill()
    // The gateway is gone, and its job is not.
    assert.deepEqual(pids.filter(isRunning), pids)
    const door = await openJobsDoor({ folder })
    try {
      const job = await jobOf(door, id)
      assert.deepEqual([job.status, job.error?.code], ['failed', 'interrupted'])
      assert.deepEqual(pids.filter(isRunning), [])
      // A line whose record was on disk before it may be missing: in the holder's favour.
      assert.ok(door.meter().meteredBase <= BigInt(job.cost_base))
      assert.equal(door.meter().reservedBase, 0n)
    } finally {
      await door.close()
    }
  })

  it('is resumed after an orderly end, too', async () => {
    await kill()
    const first = await openJobsDoor({ folder })
    const { id } = await createJob(first, STEPS)
    await watchEvents(first, id, (message) => message === 'checkpoint newest')
    await first.end()
    const door = await openJobsDoor({ folder })
    try {
      const job = await ended(door, id)
      assert.deepEqual([job.status, job.resumes], ['succeeded', 1])
    } finally {
      await door.close()
    }
  })
})

function remoteDoor({ url, key }: { readonly url: string; readonly key: string }): Door {
  const call = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${key}` } })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: text.startsWith('{') ? JSON.parse(text) : {},
    }
  }
  return {
    call: (path: string, body: unknown) => call(path, { method: 'POST', body: JSON.stringify(body) }),
    get: (path: string) => call(path),
    fetch: (path: string, init: RequestInit = {}) =>
      fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${key}` } }),
  } as unknown as Door
}
