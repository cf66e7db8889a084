// Uploads: the form as it may come, and everything that is no such form.
import { strict as assert } from 'node:assert'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { boundaryOf, readMultipart } from '../../../gateway/jobs/multipart.ts'
import { Random } from '../../support/random.ts'
import { type Answer, codeOf, type Door } from '../door.ts'
import { openJobsDoor, upload } from './jobsDoor.ts'

const FORM =
  '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n' +
  '--b\r\nContent-Disposition: form-data; name="file"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\n\r\n-\r\n--\r\n--c\r\n' +
  '\r\n--b--\r\n'

async function read(form: string, cuts: readonly number[] = []) {
  const bytes = Buffer.from(form)
  const ends = [...cuts, bytes.length]
  let [at, content, name] = [0, '', '']
  async function* pieces() {
    for (const end of ends) {
      yield bytes.subarray(at, end)
      at = end
    }
  }
  const fields = await readMultipart(pieces(), 'b', {
    begin: (filename) => {
      name = filename
      return Promise.resolve()
    },
    write: (piece) => {
      content += Buffer.from(piece).toString('utf8')
      return Promise.resolve()
    },
  })
  return { fields: Object.fromEntries(fields), name, content }
}

describe('gateway/jobs: multipart', () => {
  it('reads a form in pieces of any size', async () => {
    const whole = await read(FORM)
    assert.deepEqual(whole.fields, { purpose: 'fine-tune' })
    assert.deepEqual([whole.name, whole.content], ['x.txt', '\r\n-\r\n--\r\n--c\r\n'])
    const random = new Random(3)
    for (let i = 0; i < 200; i++) {
      const cuts = Array.from({ length: 6 }, () => random.between(0, FORM.length - 1)).sort((a, b) => a - b)
      assert.deepEqual(await read(FORM, cuts), whole, `${cuts}`)
    }
  })

  it('refuses everything that is no such form', async () => {
    const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    const wrong = [
      '',
      'junk',
      '--b',
      '--b\r\n',
      head,
      `${head}text`,
      `${head}text\r\n--b`,
      `${head}text\r\n--bx`,
      '--b--\r\n',
      `${head}a\r\n${head}b\r\n--b--`,
      '--b\r\nContent-Disposition: attachment; name="file"\r\n\r\na\r\n--b--',
      '--b\r\nContent-Disposition: form-data\r\n\r\na\r\n--b--',
      '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\nContent-Transfer-Encoding: base64\r\n\r\na\r\n--b--',
      `--b\r\nX: ${'y'.repeat(9_000)}\r\n\r\na\r\n--b--`,
      `--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n${'y'.repeat(9_000)}\r\n--b--`,
      `${head}text\r\n--b--\r\n${'y'.repeat(9_000)}`,
    ]
    for (const form of wrong)
      await assert.rejects(read(form), { name: 'Refusal' }, JSON.stringify(form.slice(0, 80)))
    for (const type of [
      undefined,
      'application/json',
      'multipart/form-data',
      'multipart/form-data; boundary=',
    ])
      assert.throws(() => boundaryOf(type), { status: 415 })
    assert.equal(boundaryOf('multipart/form-data; boundary="a b"'), 'a b')
  })
})

describe('gateway/jobs: /v1/files', () => {
  let door: Door
  beforeEach(async () => {
    door = await openJobsDoor({
      jobs: { fileBytesMax: 2_048, filesPerRedemptionMax: 2, bytesPerRedemptionMax: 3_000 },
    })
  })
  afterEach(() => door.close())

  async function send(text: string, purpose = 'fine-tune'): Promise<Answer> {
    const form = new FormData()
    form.append('file', new Blob([text]), '../../x')
    form.append('purpose', purpose)
    const response = await door.fetch('/v1/files', { method: 'POST', body: form })
    const json = (await response.json()) as Answer['json']
    return { status: response.status, headers: response.headers, text: '', json }
  }

  const onDisk = (): readonly string[] => readdirSync(join(door.folder, 'jobs', 'r1', 'files'))

  it('keeps bounds of size and number, and nothing of what it refuses', async () => {
    const long = await send('y'.repeat(2_049))
    assert.deepEqual([long.status, codeOf(long)], [413, 'file_too_large'])
    const odd = await send('y', 'mischief')
    assert.deepEqual([odd.status, codeOf(odd)], [400, 'invalid_value'])
    assert.deepEqual(onDisk(), [])
    const first = await send('y'.repeat(2_048))
    assert.deepEqual([first.status, first.json.filename], [200, '.._.._x'])
    const full = await send('y'.repeat(1_000))
    assert.deepEqual([full.status, codeOf(full)], [400, 'storage_full'])
    assert.equal((await send('y')).status, 200)
    const many = await send('y')
    assert.deepEqual([many.status, codeOf(many)], [400, 'too_many_files'])
    assert.equal(onDisk().length, 4)
  })

  it('has the same files after a restart, without what was broken off', async () => {
    const id = await upload(door, 'kept.txt', 'kept')
    const gone = new AbortController()
    const endless = new ReadableStream({
      pull(controller) {
        controller.enqueue(
          Buffer.from('--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nyyyy'),
        )
        queueMicrotask(() => gone.abort())
        return new Promise(() => undefined)
      },
    })
    await assert.rejects(
      door.fetch('/v1/files', {
        method: 'POST',
        body: endless,
        duplex: 'half',
        signal: gone.signal,
        headers: { 'content-type': 'multipart/form-data; boundary=b' },
      } as RequestInit),
    )
    const { folder } = door
    await door.end()
    door = await openJobsDoor({ folder })
    assert.equal((await door.get(`/v1/files/${id}/content`)).text, 'kept')
    assert.deepEqual([...onDisk()].sort(), [id, `${id}.json`])
  })
})
