// Log lines: for people and for programs, in a file that never fills the disk, at a level that may change.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LogFile } from '../../node/logFile.ts'
import { createLogger, RecentLines, setLogLevel } from '../../node/logging.ts'
import { logText } from '../../node/logText.ts'

describe('node.logText', () => {
  const line = (fields: object): string =>
    logText(`${JSON.stringify({ level: 'info', time: '2026-12-01T00:05:03.123Z', ...fields })}\n`)

  it('puts time, level, place and message first, then the values', () => {
    assert.equal(
      line({ name: 'validator-1', room: 'p2p', peer: '12D3Koo', height: 7, msg: 'a peer is connected' }),
      '2026-12-01 00:05:03.123 INFO  [validator-1 p2p] a peer is connected  peer=12D3Koo height=7\n',
    )
    assert.equal(line({ msg: 'stopped' }), '2026-12-01 00:05:03.123 INFO  stopped\n')
    const values = line({
      legalName: '算力 公司',
      listen: ['/ip4/127.0.0.1'],
      none: null,
      empty: '',
      msg: 'up',
    })
    assert.ok(
      values.endsWith('up  legalName="算力 公司" listen=["/ip4/127.0.0.1"] none=null empty=""\n'),
      values,
    )
  })

  it('shows the stack of an error below, and lets nobody write to the terminal', () => {
    const stack = 'Error: no\n    at f (a.ts:1:1)'
    const shown = line({ level: 'error', err: { type: 'Error', message: 'no', stack }, msg: 'failed' })
    assert.ok(shown.endsWith('ERROR failed\n    Error: no\n        at f (a.ts:1:1)\n'), shown)
    const hostile = line({ agent: '\u001b[2J\u202e\u009b31m', 'k\u001b': 1, msg: 'peer\n2026 INFO forged' })
    assert.doesNotMatch(hostile.slice(0, -1), /[\p{C}]/u)
    assert.equal(hostile.split('\n').length, 2)
  })

  it('leaves what is no JSON as it is', () => assert.equal(logText('plain\n'), 'plain\n'))
})

describe('node.logFile', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'suanli-log-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))
  const text = (name: string): string => readFileSync(join(dir, name), 'utf8')
  const collecting = (troubles: string[]) => ({ onTrouble: (trouble: string) => void troubles.push(trouble) })

  it('begins a new file before one grows too large, and keeps the newest', () => {
    const file = new LogFile(join(dir, 'a.log'), { bytesMax: 10, filesMax: 3 })
    for (const line of ['11111\n', '22222\n', '33333\n', '4\n', '算算\n', '666666666666\n']) file.write(line)
    file.close()
    assert.deepEqual(readdirSync(dir).sort(), ['a.log', 'a.log.1', 'a.log.2'])
    assert.deepEqual(['a.log', 'a.log.1', 'a.log.2'].map(text), ['666666666666\n', '算算\n', '33333\n4\n'])
    const again = new LogFile(join(dir, 'a.log'), { bytesMax: 100, filesMax: 3 })
    again.write('7\n')
    again.close()
    assert.equal(text('a.log'), '666666666666\n7\n')
  })

  it('keeps one file when told to, and goes on when files were moved away', () => {
    const file = new LogFile(join(dir, 'a.log'), { bytesMax: 4, filesMax: 1 })
    for (const line of ['111\n', '222\n']) file.write(line)
    assert.deepEqual([readdirSync(dir), text('a.log')], [['a.log'], '222\n'])
    rmSync(join(dir, 'a.log'))
    file.write('333\n')
    file.close()
    assert.equal(text('a.log'), '333\n')
  })

  it('never ends the node when the disk takes nothing, and says later how many lines were lost', () => {
    const folder = join(dir, 'logs')
    mkdirSync(folder)
    const troubles: string[] = []
    const file = new LogFile(join(folder, 'a.log'), { bytesMax: 200, filesMax: 2 }, collecting(troubles))
    file.write(`${'1'.repeat(99)}\n`)
    rmSync(folder, { recursive: true })
    for (const line of ['lost\n', 'lost too\n']) file.write(line)
    mkdirSync(folder)
    file.write('found\n')
    const [told, last] = text('logs/a.log').trimEnd().split('\n')
    assert.deepEqual([JSON.parse(told!).lines, last], [2, 'found'])
    assert.equal(troubles.length, 1)
    assert.match(troubles[0]!, /a\.log: log lines are lost: ENOENT/)
    file.close()
    // Its descriptor's number may be another file's by then.
    const other = openSync(join(dir, 'other'), 'w')
    file.write('after its end\n')
    file.close()
    closeSync(other)
    assert.equal(text('other'), '')
  })

  it('begins a new line after one that the disk took in part', () => {
    writeFileSync(join(dir, 'a.log'), '{"torn":')
    const file = new LogFile(join(dir, 'a.log'))
    file.write('whole\n')
    file.close()
    assert.equal(text('a.log'), '{"torn":\nwhole\n')
  })

  it('loses lines, and says so once, while the file has no room and cannot be moved', () => {
    const troubles: string[] = []
    const file = new LogFile(join(dir, 'a.log'), { bytesMax: 10, filesMax: 2 }, collecting(troubles))
    mkdirSync(join(dir, 'a.log.1'))
    for (const line of ['111111\n', 'lost 1\n', 'lost 2\n']) file.write(line)
    assert.deepEqual([text('a.log'), troubles.length], ['111111\n', 1])
    rmSync(join(dir, 'a.log.1'), { recursive: true })
    file.write('222222\n')
    file.close()
    assert.equal(text('a.log.1'), '111111\n')
    assert.match(text('a.log'), /"lines":2,"msg":"log lines were lost: the disk took none"}\n222222\n$/)
  })

  it('is shared by two nodes without losing lines or growing beyond its size', () => {
    const rotation = { bytesMax: 40, filesMax: 30 }
    const files = [0, 1].map(() => new LogFile(join(dir, 'a.log'), rotation))
    const lines = Array.from({ length: 60 }, (_, i) => `line ${String(i).padStart(3, '0')}\n`)
    // Unequal shares: the one that writes less learns from the disk that the other has moved the file.
    for (const [i, line] of lines.entries()) files[i % 5 === 0 ? 1 : 0]!.write(line)
    for (const file of files) file.close()
    const names = readdirSync(dir).sort((a, b) => Number(b.split('.')[2] ?? 0) - Number(a.split('.')[2] ?? 0))
    assert.ok(names.every((name) => statSync(join(dir, name)).size <= rotation.bytesMax))
    assert.equal(names.map(text).join(''), lines.join(''))
  })

  it('keeps the beginning of a huge line', () => {
    const file = new LogFile(join(dir, 'a.log'))
    file.write(`${JSON.stringify({ err: 'x'.repeat(1_000_000) })}\n`)
    file.write('next\n')
    file.close()
    const [line, next] = text('a.log').trimEnd().split('\n')
    const { bytes, beginning } = JSON.parse(line!)
    assert.deepEqual([bytes, beginning.slice(0, 10), next], [1_000_011, '{"err":"xx', 'next'])
    assert.ok(line!.length < 3_000)
  })

  it('follows no link, and opens neither a pipe nor a device', () => {
    writeFileSync(join(dir, 'key'), 'secret')
    symlinkSync('key', join(dir, 'link'))
    execFileSync('mkfifo', [join(dir, 'pipe')])
    assert.throws(() => new LogFile(join(dir, 'link')), /link is a symbolic link: name the log file itself/)
    for (const path of [join(dir, 'pipe'), '/dev/null'])
      assert.throws(() => new LogFile(path), /is no regular file/)
    const troubles: string[] = []
    const file = new LogFile(join(dir, 'a.log'), { bytesMax: 100, filesMax: 2 }, collecting(troubles))
    rmSync(join(dir, 'a.log'))
    symlinkSync('key', join(dir, 'a.log'))
    file.write('not there\n')
    file.close()
    assert.deepEqual([text('key'), troubles.length], ['secret', 1])
  })

  it('throws at once where it cannot be written', () => {
    writeFileSync(join(dir, 'file'), '')
    assert.throws(() => new LogFile(join(dir, 'file', 'a.log')), { code: 'ENOTDIR' })
  })
})

describe('node.logging', () => {
  const dir = mkdtempSync(join(tmpdir(), 'suanli-log-'))
  after(() => rmSync(dir, { recursive: true }))

  it('writes JSON to files unless told otherwise, keeps it for a diagnosis, and changes its level with its rooms', () => {
    const recent = new RecentLines()
    for (const format of ['auto', 'text'] as const) {
      const file = join(dir, format)
      const logger = createLogger({ level: 'info', file, format, recent })
      const room = logger.child({ room: 'p2p' })
      room.debug('hidden')
      setLogLevel(logger, 'debug')
      room.debug({ n: 1 }, 'shown')
      setLogLevel(logger, 'silent')
      logger.fatal('hidden')
      const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
      assert.equal(lines.length, 1)
      if (format === 'text') assert.match(lines[0]!, /^\S+ \S+ DEBUG \[p2p\] shown {2}n=1$/)
      else assert.equal(JSON.parse(lines[0]!).msg, 'shown')
    }
    assert.deepEqual(
      recent.lines().map((line) => JSON.parse(line).msg),
      ['shown', 'shown'],
    )
  })
})
