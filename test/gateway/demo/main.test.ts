// The demo backend as a program of its own.
import { strict as assert } from 'node:assert'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../../gateway/demo/main.js', import.meta.url))

function start(...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
}

describe('demo.main', () => {
  it('says what it is and where, serves, and ends at a signal', async () => {
    const child = start('--port', '0', '--tokens-per-second', '500')
    try {
      let said = ''
      let url: string | undefined
      for await (const line of createInterface({ input: child.stdout! })) {
        said += line
        url = /^base URL: (\S+)$/.exec(line)?.[1]
        if (url !== undefined) break
      }
      assert.match(said, /makes no sense/)
      assert.equal((await fetch(`${url}/models`)).status, 200)
      child.kill('SIGTERM')
      assert.deepEqual(await once(child, 'exit'), [0, null])
    } finally {
      child.kill('SIGKILL')
    }
  })

  it('names an option that it cannot use', async () => {
    for (const [option, value] of [
      ['--port', '70000'],
      ['--tokens-per-second', '0'],
      ['--colour', 'red'],
    ] as const) {
      const child = start(option, value)
      let said = ''
      child.stderr!.on('data', (part: Buffer) => {
        said += part.toString()
      })
      assert.deepEqual(await once(child, 'close'), [1, null])
      assert.match(said, new RegExp(`^demo backend: .*${option}`))
    }
  })
})
