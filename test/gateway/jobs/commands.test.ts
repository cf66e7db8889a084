// Jobs as real processes: what they see, what they leave, and every way in which they try to be too much.
import { strict as assert } from 'node:assert'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, type Door } from '../door.ts'
import {
  createJob,
  ended,
  jobOf,
  logOf,
  openJobsDoor,
  SECOND_HOLDER,
  upload,
  watchEvents,
} from './jobsDoor.ts'

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('gateway/jobs: commands', function () {
  this.timeout(60_000)
  let door: Door
  beforeEach(async () => {
    door = await openJobsDoor({})
  })
  afterEach(() => door.close())

  it('runs a command with files, arguments and a clean environment, and keeps what it leaves', async () => {
    const fileId = await upload(door, 'text.txt', 'call me')
    const code = `
      console.log('sees', fs.readFileSync(env.SUANLI_INPUT + '/given.txt', 'utf8'), args.join('|'))
      console.log('env', Object.keys(env).sort().join(','))
      fs.writeFileSync(env.SUANLI_OUTPUT + '/result.bin', 'made')
      fs.writeFileSync(env.SUANLI_CHECKPOINTS + '/step-1', 'weights')`
    process.env.SUANLI_TEST_SECRET = 'hidden'
    const { id } = await createJob(door, code, {
      args: ['a b', '$(id)', ';'],
      files: [{ id: fileId, name: 'given.txt' }],
    })
    const job = await ended(door, id)
    delete process.env.SUANLI_TEST_SECRET
    const log = await logOf(door, id)
    assert.equal(job.status, 'succeeded', log)
    assert.equal(job.exit_code, 0)
    assert.match(log, /^sees call me a b\|\$\(id\)\|;$/m)
    assert.match(
      log,
      /^env HOME,LANG,PATH,SUANLI_CHECKPOINTS,SUANLI_DEVICE_SECONDS,SUANLI_INPUT,SUANLI_JOB,SUANLI_OUTPUT,TMPDIR$/m,
    )
    const outputs = (await door.get(`/suanli/v1/jobs/${id}/outputs`)).json.data as { id: string }[]
    assert.deepEqual(
      outputs.map((one) => one.id),
      ['checkpoints/step-1', 'output/result.bin'],
    )
    assert.equal((await door.get(`/suanli/v1/jobs/${id}/outputs/output/result.bin`)).text, 'made')
    assert.deepEqual(
      job.checkpoints.map(({ name }) => name),
      ['checkpoints/step-1'],
    )
    assert.ok(job.device_ms > 0)
    assert.equal(BigInt(job.cost_base), BigInt(job.device_ms) * 1_000n)
    assert.equal(door.meter().meteredBase, BigInt(job.cost_base))
    assert.equal(door.meter().reservedBase, 0n)
  })

  it('shows a holder nothing of another', async () => {
    const fileId = await upload(door, 'mine.txt', 'mine')
    const { id } = await createJob(door, `fs.writeFileSync(env.SUANLI_OUTPUT + '/a', 'a')`)
    await ended(door, id)
    const key = door.keyOf(SECOND_HOLDER)
    const paths = [
      `/v1/files/${fileId}`,
      `/v1/files/${fileId}/content`,
      ...['', '/logs', '/events', '/outputs', '/outputs/output/a'].map(
        (end) => `/suanli/v1/jobs/${id}${end}`,
      ),
      `/v1/fine_tuning/jobs/${id}`,
    ]
    for (const path of paths) assert.equal((await door.get(path, { key })).status, 404, path)
    for (const path of ['/v1/files', '/suanli/v1/jobs', '/v1/fine_tuning/jobs'])
      assert.deepEqual((await door.get(path, { key })).json.data, [], path)
    assert.equal((await door.fetch(`/v1/files/${fileId}`, { method: 'DELETE', key })).status, 404)
    assert.equal((await door.call(`/suanli/v1/jobs/${id}/cancel`, {}, { key })).status, 404)
    const stolen = await door.call('/suanli/v1/jobs', { command: 'run', files: [{ id: fileId }] }, { key })
    assert.deepEqual([stolen.status, codeOf(stolen)], [400, 'file_not_found'])
  })

  it('gives out nothing that a link or a path leads to', async () => {
    const code = `
      const { symlinkSync } = await import('node:fs')
      symlinkSync('/etc/hostname', env.SUANLI_OUTPUT + '/link')
      symlinkSync('/etc', env.SUANLI_OUTPUT + '/folder')
      fs.writeFileSync(env.HOME + '/private', 'x')`
    const { id } = await createJob(door, code)
    await ended(door, id)
    const names = [
      'output/link',
      'output/folder/hostname',
      'output/..%2Fprivate',
      '..%2F..%2Fjob.json',
      'private',
      'output%2F..%2F..%2Fjob.json',
    ]
    for (const name of names) {
      const answer = await door.get(`/suanli/v1/jobs/${id}/outputs/${name}`)
      assert.deepEqual([answer.status, codeOf(answer)], [404, 'output_not_found'], name)
    }
    assert.deepEqual((await door.get(`/suanli/v1/jobs/${id}/outputs`)).json.data, [])
  })

  it('ends every process of a job that forks and leaves its group', async () => {
    const forks = `
      const child = (detached) => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached, stdio: 'ignore' })
      const pids = [child(false).pid, child(true).pid, child(true).pid]
      console.log(JSON.stringify({ pids }))
      fs.writeFileSync(env.SUANLI_CHECKPOINTS + '/forked', '')
      await sleep(600000)`
    const { id } = await createJob(door, forks)
    await watchEvents(door, id, (message) => message === 'checkpoint forked')
    const { pids } = JSON.parse(/^\{"pids".*$/m.exec(await logOf(door, id))![0]) as { pids: number[] }
    assert.equal(pids.filter(isAlive).length, 3)
    assert.equal((await door.call(`/suanli/v1/jobs/${id}/cancel`, {})).status, 200)
    assert.equal((await jobOf(door, id)).status, 'cancelled')
    assert.deepEqual(
      pids.filter((pid) => isAlive(pid) && !isZombie(pid)),
      [],
    )
  })

  it('kills a job that ignores SIGTERM', async () => {
    await door.close()
    door = await openJobsDoor({ jobs: { graceMs: 3_000 } })
    const { id } = await createJob(
      door,
      `process.on('SIGTERM', () => console.log('no')); fs.writeFileSync(env.SUANLI_CHECKPOINTS + '/up', ''); setInterval(() => {}, 50); await sleep(600000)`,
    )
    await watchEvents(door, id, (message) => message === 'checkpoint up')
    const metered = (await jobOf(door, id)).device_ms
    await door.call(`/suanli/v1/jobs/${id}/cancel`, {})
    const job = await jobOf(door, id)
    assert.equal(job.status, 'cancelled')
    assert.match(await logOf(door, id), /^no$/m)
    // The grace is not metered.
    assert.ok(job.device_ms < metered + 2_500, `${metered} then ${job.device_ms}`)
  })

  it('kills a job that eats memory', async () => {
    const eats = `const held = []; for (;;) { held.push(Buffer.alloc(16777216, 1)); await sleep(5) }`
    const { id } = await createJob(door, eats, { limits: { memoryMb: 256 } })
    const job = await ended(door, id)
    assert.deepEqual([job.status, job.error?.code], ['failed', 'memory_limit'])
  })

  it('kills a job that fills the disk', async () => {
    const fills = `for (let i = 0; ; i++) { fs.writeFileSync(env.TMPDIR + '/' + i, Buffer.alloc(1048576, 1)); await sleep(2) }`
    const { id } = await createJob(door, fills, { limits: { diskMb: 8 } })
    const job = await ended(door, id)
    assert.deepEqual([job.status, job.error?.code], ['failed', 'disk_limit'])
  })

  it('ends a job that has used its device-seconds', async () => {
    const { id } = await createJob(door, `await sleep(600000)`, { limits: { deviceSeconds: 1 } })
    const job = await ended(door, id)
    assert.deepEqual([job.status, job.error?.code, job.device_ms], ['failed', 'device_limit', 1_000])
  })

  it('says why a command did not do', async () => {
    const { id } = await createJob(door, `process.exit(3)`)
    const job = await ended(door, id)
    assert.deepEqual([job.status, job.error?.code, job.exit_code], ['failed', 'exit_code', 3])
  })

  it('runs nothing that is not in the allow-list', async () => {
    const refused = async (body: unknown) => {
      const answer = await door.call('/suanli/v1/jobs', body)
      return [answer.status, codeOf(answer)]
    }
    assert.deepEqual(await refused({ command: 'sh', args: ['-c', 'id'] }), [404, 'command_not_found'])
    assert.deepEqual(await refused({ image: 'alpine' }), [400, 'images_not_run'])
    assert.deepEqual(await refused({}), [400, 'invalid_value'])
    assert.deepEqual(await refused({ command: 'run', args: 'one text' }), [400, 'invalid_value'])
    assert.deepEqual(await refused({ command: 'run', limits: { deviceSeconds: 601 } }), [
      400,
      'invalid_value',
    ])
    assert.deepEqual(await refused({ command: 'run', shell: true }), [400, 'unknown_parameter'])
    assert.deepEqual((await door.get('/suanli/v1/jobs')).json.data, [])
  })
})

describe('gateway/jobs: a gigabyte of output', function () {
  this.timeout(120_000)

  it('keeps the newest part, holds little in memory, and serves others meanwhile', async () => {
    const logBytesMax = 262_144
    const door = await openJobsDoor({
      jobs: { logBytesMax, logBytesPerSecond: 1_073_741_824, meterMs: 5_000 },
    })
    try {
      const prints = `
        const line = Buffer.alloc(1048576, 'x')
        for (let i = 0; i < 1024; i++) await new Promise((resolve) => process.stdout.write(line, resolve))
        await new Promise((resolve) => process.stdout.write('\\nthe end\\n', resolve))`
      const before = process.memoryUsage().rss
      const { id } = await createJob(door, prints)
      const job = await ended(door, id)
      const log = await logOf(door, id)
      assert.equal(job.status, 'succeeded', log.slice(-200))
      assert.ok(job.log_bytes >= 1_073_741_824)
      assert.match(log, /the end\n$/)
      assert.ok(log.length <= logBytesMax)
      const folder = join(door.folder, 'jobs', 'r1', 'jobs', id, 'log')
      assert.ok(
        readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0) <= logBytesMax,
      )
      assert.ok(process.memoryUsage().rss - before < 300 * 1_048_576)
    } finally {
      await door.close()
    }
  })

  it('lets a job that prints too fast wait, and answers others', async () => {
    const door = await openJobsDoor({ jobs: { logBytesPerSecond: 1_048_576 } })
    try {
      const { id } = await createJob(
        door,
        `const line = Buffer.alloc(65536, 'x'); for (;;) await new Promise((resolve) => process.stdout.write(line, resolve))`,
        { limits: { deviceSeconds: 2 } },
      )
      assert.equal((await door.get('/suanli/v1/session')).status, 200)
      const job = await ended(door, id)
      assert.equal(job.error?.code, 'device_limit')
      // What it may print in two seconds, and at once, and what the pipe holds.
      assert.ok(job.log_bytes < 5 * 1_048_576, `${job.log_bytes}`)
    } finally {
      await door.close()
      assert.ok(!existsSync(door.folder))
    }
  })
})

function isZombie(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return true
  }
}
