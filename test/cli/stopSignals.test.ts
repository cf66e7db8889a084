// How a command ends: a signal that arrives twice is one wish, a later one ends it at once.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MODULE = new URL('../../cli/stopSignals.js', import.meta.url).href

/** Says `ready`, then what it was told; goes on for ever. */
const PROGRAM = `
  import { onStopSignal } from ${JSON.stringify(MODULE)}
  onStopSignal(['SIGINT', 'SIGTERM'], (signal) => console.log(signal))
  process.on('SIGUSR2', () => console.log('goes on'))
  setInterval(() => {}, 1_000)
  console.log('ready')`

describe('cli.stopSignals', () => {
  it('one that comes twice is one, a later one ends the process', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise<NodeJS.Signals | null>((resolve) => {
      child.once('exit', (_, signal) => resolve(signal))
    })
    let said = ''
    child.stdout.setEncoding('utf8')
    const until = (text: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!said.includes(text)) return
          child.stdout.off('data', look)
          resolve()
        }
        child.stdout.on('data', look)
        void ended.then(() => reject(new Error(`ended after: ${said}`)))
        look()
      })
    child.stdout.on('data', (text: string) => {
      said += text
    })
    try {
      await until('ready')
      child.kill('SIGINT')
      await until('SIGINT')
      child.kill('SIGINT')
      child.kill('SIGTERM')
      child.kill('SIGUSR2')
      await until('goes on')
      // Until one is late enough to be another wish.
      const again = setInterval(() => child.kill('SIGTERM'), 100)
      assert.equal(await ended, 'SIGTERM')
      clearInterval(again)
      assert.equal(said, 'ready\nSIGINT\ngoes on\n')
    } finally {
      child.kill('SIGKILL')
    }
  })
})
