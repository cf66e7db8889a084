// The packaged units of systemd and the files for containers: what can be checked of them without installing a service and without
// Docker. Their commands are those of the command line, their exit codes those of the program, and nothing that they copy is missing.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { COMMANDS } from '../../cli/commandList.ts'
import { EXIT } from '../../cli/exitCode.ts'
import { EXIT_SIGNER_FAILED } from '../../cli/runSigner.ts'
import { EXIT_HALTED, EXIT_MISMATCH } from '../../cli/runStart.ts'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { ROOT, readPage } from '../support/pageBlocks.ts'

const UNITS = ['suanli.service', 'suanli-signer.service'] as const
const unitPath = (name: string): string => join(ROOT, 'docs/operations/systemd', name)
const PROGRAM = '/opt/suanli/dist/cli/main.js'

/** Keys that systemd.unit(5), systemd.exec(5) and systemd.service(5) define and these units use. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  Unit: ['Description', 'Documentation', 'Wants', 'After', 'StartLimitIntervalSec', 'StartLimitBurst'],
  Service: [
    ...['Type', 'User', 'Group', 'LoadCredential', 'ExecStart', 'Restart', 'RestartSec'],
    ...['RestartPreventExitStatus', 'TimeoutStopSec', 'StateDirectory', 'StateDirectoryMode', 'UMask'],
    ...['RuntimeDirectory', 'RuntimeDirectoryMode', 'LimitNOFILE', 'NoNewPrivileges', 'PrivateNetwork'],
    ...['CapabilityBoundingSet', 'AmbientCapabilities', 'ProtectSystem', 'ProtectHome', 'InaccessiblePaths'],
    ...['PrivateTmp', 'PrivateDevices', 'ProtectClock', 'ProtectControlGroups', 'ProtectHostname'],
    ...['ProtectKernelLogs', 'ProtectKernelModules', 'ProtectKernelTunables', 'ProtectProc', 'RemoveIPC'],
    ...['RestrictAddressFamilies', 'RestrictNamespaces', 'RestrictRealtime', 'RestrictSUIDSGID'],
    ...['LockPersonality', 'SystemCallArchitectures', 'SystemCallFilter', 'SystemCallErrorNumber'],
  ],
  Install: ['WantedBy'],
}
/** Those that may be given again, adding to what was said. */
const LISTS: readonly string[] = ['SystemCallFilter']

type Unit = ReadonlyMap<string, readonly string[]>

/** A unit as `Section.Key`; throws on anything that is no section, comment or known key. */
function parseUnit(text: string): Unit {
  const unit = new Map<string, readonly string[]>()
  let section = ''
  for (const line of text.trimEnd().split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? []
    if (name !== undefined) {
      assert.ok(name in KEYS, line)
      section = name
      continue
    }
    const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? assert.fail(line)
    assert.ok(KEYS[section]?.includes(key), `${section}: ${line}`)
    const known = unit.get(`${section}.${key}`)
    assert.ok(known === undefined || LISTS.includes(key), `${line}: given twice`)
    unit.set(`${section}.${key}`, [...(known ?? []), value])
  }
  return unit
}

const readUnit = (name: string): Unit => parseUnit(readFileSync(unitPath(name), 'utf8'))
const only = (unit: Unit, key: string): string => unit.get(key)?.[0] ?? assert.fail(`${key} is missing`)

/** Asserts that the command line has a command with these options. */
async function assertKnown(words: readonly string[]): Promise<void> {
  const [name = '', ...rest] = words
  const root = new Command('suanli')
  const entry = COMMANDS[name] ?? assert.fail(`no command ${name}`)
  ;(await entry.load())(root, () => {})
  let command = root.commands[0]!
  for (const word of rest) command = command.commands.find((child) => child.name() === word) ?? command
  const fallback = command.commands.find((child) => child.name() === 'run')
  const known = [...command.options, ...(fallback?.options ?? [])]
  for (const word of rest.filter((each) => each.startsWith('-'))) {
    assert.ok(
      known.some(({ long, short }) => long === word || short === word),
      `${words.join(' ')}: ${word}`,
    )
  }
}

describe('the units of systemd', () => {
  for (const name of UNITS) {
    it(`${name} is read by its own rules: known keys, each once`, () => {
      const unit = readUnit(name)
      assert.ok(unit.size > 30)
      assert.throws(() => parseUnit('[Service]\nNoNewPrivilege=yes'), /NoNewPrivilege/)
    })

    it(`${name} starts the program with options that it has`, async () => {
      const unit = readUnit(name)
      const [node, program, ...words] = only(unit, 'Service.ExecStart').split(' ')
      assert.deepEqual([node, program], ['/usr/bin/node', PROGRAM])
      await assertKnown(words)
      // The folder that it may write is its own, and the password is the one it was given.
      const folder = only(unit, 'Service.StateDirectory')
      assert.equal(words[words.indexOf('-d') + 1], `/var/lib/${folder}`)
      const [credential] = only(unit, 'Service.LoadCredential').split(':')
      assert.equal(words[words.indexOf('--password-file') + 1], `\${CREDENTIALS_DIRECTORY}/${credential}`)
    })

    it(`${name} cannot write elsewhere or gain rights`, () => {
      const unit = readUnit(name)
      const expected = { NoNewPrivileges: 'yes', ProtectSystem: 'strict', ProtectHome: 'yes', UMask: '0077' }
      for (const [key, value] of Object.entries(expected)) assert.equal(only(unit, `Service.${key}`), value)
      assert.equal(only(unit, 'Service.CapabilityBoundingSet'), '')
      assert.equal(only(unit, 'Service.User'), 'suanli')
    })
  }

  it('does not start again what halted for safety, and not for ever what cannot start', () => {
    const prevented = (name: string): readonly number[] =>
      only(readUnit(name), 'Service.RestartPreventExitStatus').split(' ').map(Number)
    assert.deepEqual(prevented('suanli.service'), [EXIT.usage, EXIT_HALTED, EXIT_MISMATCH])
    assert.deepEqual(prevented('suanli-signer.service'), [EXIT.usage, EXIT_SIGNER_FAILED])
    for (const name of UNITS) {
      const unit = readUnit(name)
      assert.equal(only(unit, 'Service.Restart'), 'on-failure')
      // Five starts and their pauses must fit into the time in which they are counted.
      assert.deepEqual(
        ['Service.RestartSec', 'Unit.StartLimitBurst', 'Unit.StartLimitIntervalSec'].map((key) =>
          only(unit, key),
        ),
        ['5s', '5', '10min'],
      )
    }
  })

  it('lets the node reach the signer, and neither the other’s folder', () => {
    const [node, signer] = UNITS.map(readUnit) as [Unit, Unit]
    const words = only(signer, 'Service.ExecStart').split(' ')
    const socket = words[words.indexOf('--socket') + 1]!
    assert.equal(socket, `/run/${only(signer, 'Service.RuntimeDirectory')}/signer.sock`)
    assert.ok(readPage('docs/operations/services.md').includes(`"socket": "${socket}"`))
    assert.equal(only(node, 'Service.User'), only(signer, 'Service.User'))
    assert.equal(only(node, 'Service.InaccessiblePaths'), '-/var/lib/suanli-signer')
    assert.equal(only(signer, 'Service.InaccessiblePaths'), '-/var/lib/suanli')
    // Listening on all addresses asks the kernel for them.
    assert.match(only(node, 'Service.RestrictAddressFamilies'), /AF_NETLINK/)
    assert.deepEqual(
      [only(signer, 'Service.PrivateNetwork'), only(signer, 'Service.RestrictAddressFamilies')],
      ['yes', 'AF_UNIX'],
    )
  })

  if (spawnSync('systemd-analyze', ['--version']).error === undefined) {
    it('systemd-analyze has nothing to say about them', verifyUnits)
  } else {
    it('are read by the rules of this test alone: systemd-analyze is not installed here', () => {
      for (const name of UNITS) assert.ok(readUnit(name).has('Service.ExecStart'))
    })
  }
})

function verifyUnits(): void {
  const dir = mkdtempSync(join(tmpdir(), 'suanli-units-'))
  try {
    const paths = UNITS.map((name) => {
      // It looks for the program and the page at the places that they name.
      const text = readFileSync(unitPath(name), 'utf8')
        .replaceAll('/usr/bin/node', realpathSync(process.execPath))
        .replaceAll('/opt/suanli', ROOT)
      const path = join(dir, name)
      writeFileSync(path, text)
      return path
    })
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...paths], {
      encoding: 'utf8',
    })
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Instructions of a Dockerfile, continued lines joined. */
function instructions(text: string): readonly (readonly [string, string])[] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', rest = ''] = /^([A-Z]+)\s+(.+)$/.exec(line) ?? assert.fail(line)
      return [name, rest.replace(/\s+/g, ' ').trim()] as const
    })
}

describe('the image', () => {
  const all = instructions(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'))
  const of = (name: string): readonly string[] => all.flatMap(([each, rest]) => (each === name ? [rest] : []))

  it('copies what is there, and nothing built or secret from the machine that builds it', () => {
    const sources = of('COPY')
      .filter((rest) => !rest.startsWith('--from='))
      .flatMap((rest) => rest.split(' ').slice(0, -1))
    assert.deepEqual(sources, ['package.json', 'package-lock.json', '.'])
    for (const source of sources) assert.ok(existsSync(join(ROOT, source)), source)
    const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n')
    for (const name of ['.git', 'node_modules', 'dist', 'data']) assert.ok(ignored.includes(name), name)
  })

  it('has two stages: the second has no compiler, and runs not as root', () => {
    const bases = of('FROM')
    assert.equal(bases.length, 2)
    assert.match(bases[0]!, /^node:\d+-bookworm AS build$/)
    assert.match(bases[1]!, /^node:\d+-bookworm-slim$/)
    assert.equal(bases[0]!.split('-')[0], bases[1]!.split('-')[0])
    assert.deepEqual([of('USER'), of('VOLUME')], [['node'], ['/data']])
  })

  it('starts the program of the package with options that it has', async () => {
    const [node, program] = JSON.parse(of('ENTRYPOINT')[0]!) as [string, string]
    assert.equal(node, 'node')
    const manifest = JSON.parse(readPage('package.json')) as { readonly bin: { readonly suanli: string } }
    assert.equal(program, join('/opt/suanli', manifest.bin.suanli))
    await assertKnown(JSON.parse(of('CMD')[0]!) as string[])
    // For the commands that are typed in a container.
    const made = `chmod 755 ${program} && ln -s ${program} /usr/local/bin/suanli`
    assert.ok(of('RUN').some((rest) => rest.includes(made)))
  })

  it('opens the port of the settings, and asks for its health', () => {
    assert.ok(DEFAULT_CONFIG.p2pListen[0]!.endsWith(`/tcp/${of('EXPOSE')[0]}`))
    const [, command = ''] = of('HEALTHCHECK')[0]!.split(' CMD ')
    const [node, flag, script] = JSON.parse(command) as string[]
    assert.deepEqual([node, flag], ['node', '-e'])
    assert.ok(script!.includes(`http://127.0.0.1:${DEFAULT_CONFIG.rpcPort}/health`))
    // Nobody listens: unhealthy, and no stack.
    const elsewhere = script!.replace(`:${DEFAULT_CONFIG.rpcPort}/`, ':9/')
    const { status, stderr } = spawnSync(process.execPath, ['-e', elsewhere], { encoding: 'utf8' })
    assert.deepEqual({ status, stderr }, { status: 1, stderr: '' })
  })
})

describe('compose.yml', () => {
  const text = readPage('docs/operations/container/compose.yml')
  const service = (name: string): string =>
    text.split(`\n  ${name}:\n`)[1]?.split(/\n {2}\w+:\n|\n\w+:\n/)[0] ?? assert.fail(name)
  const commandOf = (name: string): readonly string[] =>
    /^ {4}command: \[(.*)\]$/m.exec(service(name))?.[1]?.split(', ') ?? assert.fail(name)

  it('starts a signer and a node with options that they have', async () => {
    for (const name of ['signer', 'node']) await assertKnown(commandOf(name))
    const [, ...health] = /test: \[CMD, (.*)\]/.exec(service('signer'))![1]!.split(', ')
    await assertKnown(health)
  })

  it('joins them by one socket, and gives the signer no network', () => {
    const words = commandOf('signer')
    assert.equal(words[words.indexOf('--socket') + 1], '/run/suanli/signer.sock')
    assert.match(service('signer'), /network_mode: none/)
    for (const name of ['signer', 'node']) assert.match(service(name), /'socket:\/run\/suanli'/)
    assert.doesNotMatch(service('signer'), /ports:/)
  })

  it('defines every volume and secret that it uses, and nothing runs with rights', () => {
    const [, volumes = ''] = text.split('\nvolumes:\n')
    for (const [, name] of text.matchAll(/'(\w+):\/[\w/]+'/g))
      assert.match(volumes, new RegExp(`^ {2}${name}:$`, 'm'))
    const [, secrets = ''] = text.split('\nsecrets:\n')
    for (const [, name] of text.matchAll(/\/run\/secrets\/(\w+)/g))
      assert.match(secrets, new RegExp(`^ {2}${name}:`, 'm'))
    assert.match(text, /read_only: true\n {2}tmpfs: \[\/tmp\]\n {2}cap_drop: \[ALL\]/)
    const version = (JSON.parse(readPage('package.json')) as { readonly version: string }).version
    assert.ok(text.includes(`image: suanli:${version}`))
  })
})
