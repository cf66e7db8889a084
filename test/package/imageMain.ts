// `npm run test:image`: builds the Dockerfile's image and runs it, with a Docker engine or with buildah, whichever is there. Not in the
// suite: it needs one of them and the base images, and takes a minute or two. Owns: the builders and the checks.
import assert from 'node:assert/strict'
import { type Ended, ROOT, run } from './installed.ts'

const IMAGE = 'suanli:test'
const PROGRAM = 'dist/cli/main.js'
/** A chain of one validator, made and left again inside the image: prints the height that it reached. */
const DEVNET = `
  const { createDevnet } = await import('/opt/suanli/dist/devnet/devnet.js')
  const devnet = await createDevnet({ validators: 1, inProcess: true })
  const ask = (method) => fetch(devnet.rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] }) }).then((answer) => answer.json())
  const { result } = await ask('eth_blockNumber')
  const { ok } = await fetch(devnet.rpcUrl + '/health')
  await devnet.close()
  console.log(JSON.stringify({ height: Number(result), ok, user: process.getuid(), node: process.versions.node }))
`

interface Builder {
  readonly build: () => Promise<Ended>
  /** Runs a command in a container of its own, as the image's user. */
  readonly inside: (args: readonly string[]) => Promise<Ended>
  readonly inspect: () => Promise<Ended>
}

async function isThere(command: string, args: readonly string[]): Promise<boolean> {
  return run(command, args, ROOT).then(
    ({ code }) => code === 0,
    () => false,
  )
}

function docker(): Builder {
  return {
    build: () => run('docker', ['build', '-t', IMAGE, '.'], ROOT),
    inside: ([command = '', ...args]) =>
      run('docker', ['run', '--rm', '--entrypoint', command, IMAGE, ...args], ROOT),
    inspect: () => run('docker', ['inspect', IMAGE], ROOT),
  }
}

/** Base images that are there already are used as they are: a closed network has its own. */
function buildah(): Builder {
  const isolation = ['--isolation', 'chroot']
  return {
    build: () =>
      run(
        'buildah',
        ['bud', ...isolation, '--format', 'docker', '--pull=missing', '--network', 'host', '-t', IMAGE, '.'],
        ROOT,
      ),
    inside: async (args) => {
      const made = await run('buildah', ['from', '--pull-never', `localhost/${IMAGE}`], ROOT)
      assert.equal(made.code, 0, made.stderr)
      const container = made.stdout.trim()
      try {
        const options = [...isolation, '--network', 'host', '--user', 'node', container, '--', ...args]
        return await run('buildah', ['run', ...options], ROOT)
      } finally {
        await run('buildah', ['rm', container], ROOT)
      }
    },
    inspect: () => run('buildah', ['inspect', `localhost/${IMAGE}`], ROOT),
  }
}

async function builder(): Promise<Builder | undefined> {
  if (await isThere('docker', ['info'])) return docker()
  return (await isThere('buildah', ['--version'])) ? buildah() : undefined
}

function succeeded({ code, stdout, stderr }: Ended, what: string): string {
  assert.equal(code, 0, `${what} ended with ${code}:\n${stdout.slice(-2_000)}${stderr.slice(-2_000)}`)
  return stdout
}

async function main(): Promise<number> {
  const chosen = await builder()
  if (chosen === undefined) {
    process.stderr.write('No image was built: neither a Docker engine nor buildah is here.\n')
    return 1
  }
  succeeded(await chosen.build(), 'the build')
  const version = succeeded(await chosen.inside(['suanli', 'version']), 'suanli version')
  assert.match(version, /^suanli\/\d+\.\d+\.\d+\/linux-/)
  const devnet = await chosen.inside(['node', '--input-type=module', '-e', DEVNET])
  const told = JSON.parse(succeeded(devnet, 'the devnet')) as Record<string, unknown>
  assert.ok(Number(told.height) >= 1, 'a block is final')
  assert.equal(told.ok, true, '/health')
  assert.equal(told.user, 1000, 'not as root')
  const config = succeeded(await chosen.inspect(), 'inspect')
  for (const text of [`/opt/suanli/${PROGRAM}`, '/data', '/health', 'SIGTERM']) {
    assert.ok(config.includes(text), `the image's configuration names ${text}`)
  }
  process.stdout.write(`The image holds: ${version.trim()}, ${JSON.stringify(told)}\n`)
  return 0
}

process.exitCode = await main()
