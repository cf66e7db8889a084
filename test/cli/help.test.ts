// The help of every command: it is there, and fits a terminal of 80 columns.
import assert from 'node:assert/strict'
import { unitOf } from '../../cli/chain/fieldUnits.ts'
import { MODULE_SCHEMAS } from '../../state/schemas.ts'
import { runSuanli } from '../support/devnetHarness.ts'

const COLUMNS = 80
/** Fewer would mean that the commands below were not found. */
const COMMANDS_MIN = 100

/** Names of the commands that a help lists. */
function commandsIn(help: string): readonly string[] {
  const [, list = ''] =
    /^(?:Commands|[A-Z][\w ]+ commands):\n([\s\S]*?)(?:\n\n|$(?![\s\S]))/m.exec(help) ?? []
  return [...list.matchAll(/^ {2}([a-z][\w-]*)/gm)].map(([, name]) => name!).filter((name) => name !== 'help')
}

describe('cli.help', function () {
  this.timeout(180_000)
  it('says of every number of a native action or query what it counts', () => {
    const silent = MODULE_SCHEMAS.flatMap(({ name: module, actions, queries }) =>
      Object.entries({ ...queries, ...actions }).flatMap(([called, { args }]) =>
        Object.entries(args)
          .filter(([name, field]) => unitOf(name, field) === undefined)
          .map(([name]) => `${module}.${called} ${name}`),
      ),
    )
    assert.deepEqual(silent, [])
  })

  it('is there for every command, and fits 80 columns', async () => {
    const found: string[] = []
    const wide: string[] = []
    const look = async (words: readonly string[]): Promise<void> => {
      const { code, stdout, stderr } = await runSuanli([...words, '--help'])
      const name = ['suanli', ...words].join(' ')
      assert.deepEqual([code, stderr], [0, ''], name)
      assert.ok(stdout.startsWith(`Usage: ${name} `), stdout)
      found.push(name)
      for (const line of stdout.split('\n')) if (line.length > COLUMNS) wide.push(`${name}: ${line}`)
      for (const next of commandsIn(stdout)) await look([...words, next])
    }
    await look([])
    assert.deepEqual(wide, [])
    assert.ok(found.length >= COMMANDS_MIN, `${found.length}: ${found.join(', ')}`)
  })
})
