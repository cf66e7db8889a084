// Options by their kind, over all commands: a file in the place of a directory and a port that is none are refused in one line.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { COMMANDS } from '../../cli/commandList.ts'
import { EXIT } from '../../cli/exitCode.ts'
import { checkKinds } from '../../cli/optionKinds.ts'
import { runSuanli } from '../support/devnetHarness.ts'

/** Fewer would mean that the options were not found. */
const DIRECTORIES_MIN = 30
const PORTS_MIN = 4
const FILES_MIN = 20

interface Found {
  readonly command: string
  readonly flags: string
  parse(text: string): unknown
}

function optionsOf(command: Command, path: string, kind: RegExp): readonly Found[] {
  const own = command.options
    .filter(({ flags }) => kind.test(flags))
    .map(({ flags, parseArg }) => ({
      command: path,
      flags,
      parse: (text: string): unknown => parseArg?.(text, undefined as never),
    }))
  return [...own, ...command.commands.flatMap((next) => optionsOf(next, `${path} ${next.name()}`, kind))]
}

describe('cli options by their kind', function () {
  this.timeout(60_000)
  const home = mkdtempSync(join(tmpdir(), 'suanli-kinds-'))
  const file = join(home, 'a-file')
  const program = new Command('suanli')
  before(async () => {
    writeFileSync(file, '')
    for (const { load } of Object.values(COMMANDS)) (await load())(program, () => {})
    checkKinds(program)
  })
  after(() => rmSync(home, { recursive: true, force: true }))

  it('take a directory, there or not, and no file', () => {
    const found = optionsOf(program, 'suanli', /<dir>/)
    assert.ok(found.length >= DIRECTORIES_MIN, `${found.length}`)
    for (const { command, flags, parse } of found) {
      for (const wrong of [file, join(file, 'in')])
        assert.throws(() => parse(wrong), /a file is in the way, expected a directory/, `${command} ${flags}`)
      assert.throws(() => parse(''), /expected a directory/, `${command} ${flags}`)
      assert.equal(parse(home), home)
      assert.equal(parse(join(home, 'none')), join(home, 'none'))
    }
  })
  it('take a file that has a name', () => {
    const found = optionsOf(program, 'suanli', /<file[^.]*>/)
    assert.ok(found.length >= FILES_MIN, `${found.length}`)
    for (const { command, flags, parse } of found)
      assert.throws(() => parse(''), /expected a file/, `${command} ${flags}`)
  })
  it('take a port up to 65535', () => {
    const found = optionsOf(program, 'suanli', /<port>/)
    assert.ok(found.length >= PORTS_MIN, `${found.length}`)
    for (const { command, flags, parse } of found)
      for (const wrong of ['99999', '65536', '-1', 'x', ''])
        assert.throws(() => parse(wrong), /expected a whole number/, `${command} ${flags}`)
  })
  it('say so in one line', async () => {
    for (const line of [
      ['start', '-d', file],
      ['devnet', '-d', file],
      ['export', 'accounts', '-d', file, '-o', join(home, 'out')],
    ]) {
      const { code, stderr } = await runSuanli(line)
      assert.equal(code, EXIT.usage, stderr)
      assert.match(
        stderr,
        /^error: option '-d, --data-dir <dir>' argument '.*a-file' is invalid\. a file is in the way.*\n/,
      )
    }
  })
})
